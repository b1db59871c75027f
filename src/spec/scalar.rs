//! Scalars without quotes: YAML 1.2, core schema, as `serde_yaml` reads it.
//!
//! `00` and `01` are texts, as are `no` and `on`. Whole numbers keep all their digits.

use serde_json::{Number, Value};

/// Reasons why a number cannot be a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// A whole number beyond 64 bits.
    TooLarge,
    /// A number other than 0 that would be read as 0.
    TooSmall,
    /// Infinity or NaN.
    NotFinite,
}

/// The value of a scalar without quotes.
pub fn plain(text: &str) -> Result<Value, Unfit> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Ok(Value::Null),
        "true" | "True" | "TRUE" => return Ok(Value::Bool(true)),
        "false" | "False" | "FALSE" => return Ok(Value::Bool(false)),
        ".nan" | ".NaN" | ".NAN" => return Err(Unfit::NotFinite),
        _ => {}
    }
    let (negative, unsigned) = match text.strip_prefix(['+', '-']) {
        Some(rest) => (text.starts_with('-'), rest),
        None => (false, text),
    };
    // A second sign makes it a text. A leading zero does the same.
    if unsigned.starts_with(['+', '-'])
        || (unsigned.len() > 1 && unsigned.starts_with('0') && digits(&unsigned[1..]))
    {
        return Ok(text.into());
    }
    match whole(unsigned) {
        Some(Some(size)) if !negative => return Ok(size.into()),
        Some(Some(size)) => {
            return 0i64.checked_sub_unsigned(size).map(Value::from).ok_or(Unfit::TooLarge);
        }
        Some(None) => return Err(Unfit::TooLarge),
        None => {}
    }
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") {
        return Err(Unfit::NotFinite);
    }
    let number = unsigned.parse::<f64>().ok().filter(|number| number.is_finite());
    let Some(number) =
        number.and_then(|number| Number::from_f64(if negative { -number } else { number }))
    else {
        return Ok(text.into());
    };
    let mantissa = unsigned.split(['e', 'E']).next().unwrap_or_default();
    match number.as_f64() == Some(0.0) && mantissa.contains(|c: char| ('1'..='9').contains(&c)) {
        true => Err(Unfit::TooSmall),
        false => Ok(Value::Number(number)),
    }
}

fn digits(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit())
}

/// The absolute value of a whole number: `12`, `0x1F`, `0o17`, `0b11`. The inner `None` means more
/// than 64 bits.
fn whole(text: &str) -> Option<Option<u64>> {
    let radix = [("0x", 16), ("0o", 8), ("0b", 2)]
        .into_iter()
        .find_map(|(p, r)| Some((text.strip_prefix(p)?, r)));
    let (text, radix) = radix.unwrap_or((text, 10));
    let fits = !text.is_empty() && text.chars().all(|c| c.is_digit(radix));
    fits.then(|| u64::from_str_radix(text, radix).ok())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The result of `serde_yaml` for the same scalar. It is `None` for more than a scalar, and for
    /// whole numbers beyond 64 bits, which it refuses or rounds.
    fn other(text: &str) -> Option<Result<Value, Unfit>> {
        match serde_yaml::from_str::<serde_yaml::Value>(text).ok()? {
            serde_yaml::Value::Null => Some(Ok(Value::Null)),
            serde_yaml::Value::Bool(b) => Some(Ok(b.into())),
            serde_yaml::Value::String(s) => Some(Ok(s.into())),
            serde_yaml::Value::Number(n) => match (n.as_u64(), n.as_i64(), n.as_f64()) {
                (Some(i), ..) => Some(Ok(i.into())),
                (_, Some(i), _) => Some(Ok(i.into())),
                (.., Some(x)) => {
                    Some(Number::from_f64(x).map(Value::Number).ok_or(Unfit::NotFinite))
                }
                _ => None,
            },
            _ => None,
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]
        #[test]
        fn a_scalar_is_what_serde_yaml_takes_it_for(text in "[0-9+\\-._eExXobBaAfFtrulNnIiOs~]{0,8}") {
            prop_assume!(!text.starts_with("---") && !text.starts_with("..."));
            let found = plain(&text);
            match other(&text) {
                Some(other) if found != Err(Unfit::TooSmall) => prop_assert_eq!(found, other, "{}", text),
                _ => {}
            }
        }
    }

    #[test]
    fn the_forms_of_numbers() {
        let number = |text: &str| plain(text).unwrap();
        assert_eq!(
            (number("0x1F"), number("-0o17"), number("+0b11")),
            (31.into(), (-15).into(), 3.into())
        );
        assert_eq!(
            (number("-0"), number("1e-4"), number("-.5")),
            (0.into(), 1e-4.into(), (-0.5).into())
        );
        for text in ["00", "-01", "1e999", "no", "+-1", "0x", "1_000", "--1"] {
            assert_eq!(plain(text), Ok(text.into()));
        }
    }

    #[test]
    fn numbers_that_cannot_be_kept_are_refused() {
        assert_eq!(
            (plain("18446744073709551615"), plain("18446744073709551616")),
            (Ok(u64::MAX.into()), Err(Unfit::TooLarge))
        );
        assert_eq!(
            (plain("-9223372036854775808"), plain("-9223372036854775809")),
            (Ok(i64::MIN.into()), Err(Unfit::TooLarge))
        );
        assert_eq!(plain("340282366920938463463374607431768211456000"), Err(Unfit::TooLarge));
        assert_eq!((plain("1e-400"), plain("0e-400")), (Err(Unfit::TooSmall), Ok(0.0.into())));
        assert_eq!((plain("-.inf"), plain(".nan")), (Err(Unfit::NotFinite), Err(Unfit::NotFinite)));
    }
}
