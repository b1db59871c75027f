//! The head of a `.npy` file: the type of its numbers, their order and their shape.
//!
//! The format: `numpy.lib.format`, versions 1 to 3. Our own reader: the general one of the crate
//! `ndarray-npy` takes any literal of Python, and seconds for some heads of 130 bytes (found by
//! fuzzing).

/// More axes than any array here has.
const MOST_AXES: usize = 8;

/// The head of a `.npy` file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NpyHead<'a> {
    /// The type of the numbers, such as `<f4`.
    pub descr: &'a str,
    /// Whether the first index moves fastest.
    pub fortran_order: bool,
    pub shape: Vec<usize>,
    /// Where the numbers begin.
    pub begin: usize,
}

impl<'a> NpyHead<'a> {
    /// Reads the head of a file.
    ///
    /// Errors: what is wrong with it.
    pub fn read(bytes: &'a [u8]) -> Result<Self, String> {
        const MAGIC: &[u8] = b"\x93NUMPY";
        let cut = || "it is cut off".to_owned();
        let Some(rest) = bytes.strip_prefix(MAGIC) else {
            return Err("it is no file of NumPy".to_owned());
        };
        let (length, begin) = match rest {
            [1, _, a, b, ..] => (u32::from(u16::from_le_bytes([*a, *b])), 10),
            [2 | 3, _, a, b, c, d, ..] => (u32::from_le_bytes([*a, *b, *c, *d]), 12),
            [1..=3, ..] | [] => return Err(cut()),
            [version, ..] => return Err(format!("it is of the unknown version {version}")),
        };
        let end = begin + length as usize;
        let text = bytes.get(begin..end).ok_or_else(cut)?;
        let text = str::from_utf8(text).map_err(|_| "its head is no text".to_owned())?;
        let wrong = |what: &str| format!("its head says no {what}");
        // A dictionary of Python: {'descr': '<f4', 'fortran_order': False, 'shape': (50, 768), }
        let after = |key: &str| {
            let (_, rest) = text.split_once(&format!("'{key}'"))?;
            Some(rest.trim_start().strip_prefix(':')?.trim_start())
        };
        let descr = after("descr").and_then(|rest| rest.strip_prefix('\'')?.split_once('\''));
        let (descr, _) = descr.ok_or_else(|| wrong("`descr`"))?;
        let fortran_order = match after("fortran_order") {
            Some(order) if order.starts_with("False") => false,
            Some(order) if order.starts_with("True") => true,
            _ => return Err(wrong("`fortran_order`")),
        };
        let shape = after("shape").and_then(|rest| rest.strip_prefix('(')?.split_once(')'));
        let sizes =
            shape.map(|(sizes, _)| sizes.split(',').map(str::trim).filter(|s| !s.is_empty()));
        let shape: Option<Vec<usize>> =
            sizes.and_then(|sizes| sizes.map(|size| size.parse().ok()).collect());
        let shape = shape.ok_or_else(|| wrong("`shape`"))?;
        match shape.len() > MOST_AXES {
            true => Err(format!("it has {} axes", shape.len())),
            false => Ok(Self { descr, fortran_order, shape, begin: end }),
        }
    }

    /// The number of numbers, if their bytes of this width are all that follows the head.
    pub fn count(&self, bytes: &[u8], width: usize) -> Option<usize> {
        // The other sizes of an empty array must fit into memory, too.
        let mut sizes = self.shape.iter().filter(|size| **size > 0);
        let most = sizes.try_fold(1, |most: usize, size| most.checked_mul(*size))?;
        isize::try_from(most.checked_mul(width)?).ok()?;
        let count = if self.shape.contains(&0) { 0 } else { most };
        (count * width == bytes.len() - self.begin).then_some(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(dict: &str, numbers: usize) -> Vec<u8> {
        let padded = format!("{dict:<117}\n");
        let length = (padded.len() as u16).to_le_bytes();
        [b"\x93NUMPY\x01\x00", &length[..], padded.as_bytes(), &vec![0; numbers]].concat()
    }

    #[test]
    fn a_head_tells_type_order_and_shape() {
        let bytes = file("{'descr': '<f2', 'fortran_order': True, 'shape': (50, 768), }", 0);
        let head = NpyHead::read(&bytes).unwrap();
        let expected =
            NpyHead { descr: "<f2", fortran_order: true, shape: vec![50, 768], begin: 128 };
        assert_eq!(head, expected);
        let whole = file("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", 8);
        assert_eq!(NpyHead::read(&whole).unwrap().count(&whole, 4), Some(2));
        assert_eq!(NpyHead::read(&whole).unwrap().count(&whole, 8), None);
        let huge =
            format!("{{'descr': '<f4', 'fortran_order': False, 'shape': (0, {}), }}", usize::MAX);
        let huge = file(&huge, 0);
        assert_eq!(NpyHead::read(&huge).unwrap().count(&huge, 4), None);
        for wrong in ["{}", "{'descr': '<f4', 'shape': (2,)}", "{'descr': 4}"] {
            assert!(NpyHead::read(&file(wrong, 0)).unwrap_err().starts_with("its head says no"));
        }
    }

    /// The head that the fuzzer found. `ndarray-npy` took six seconds for it.
    #[test]
    fn brackets_without_end_are_refused_at_once() {
        let mut bytes = b"\x93NUMPY\x02\x00v\x00\x00\x00{".to_vec();
        bytes.extend("        [[[[".repeat(9).as_bytes());
        bytes.resize(130, b' ');
        assert_eq!(NpyHead::read(&bytes).unwrap_err(), "its head says no `descr`");
    }
}
