//! Where a server of MLflow is, and what it asks for at the door.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ureq::http::Uri;

/// The address of a server: `http://host:5000`, with a path if it stands behind one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address(String);

/// What `Authorization` says; never shown.
#[derive(Clone, Default)]
pub struct Credentials(Option<String>);

/// Why an address is none of a server that can be asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    #[error("`{0}` is no address of an MLflow server")]
    NoAddress(String),
    #[error("the address of the MLflow server has a name or password in it")]
    Secret,
    #[error("`{0}` needs https, and this humshift was built without it")]
    Https(String),
}

impl AddressError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NoAddress(_) => {
                "write `http://HOST:PORT` or `https://HOST`; folders and databases are written by `mlflow server` alone"
            }
            Self::Secret => {
                "put them into MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, where no message shows them"
            }
            Self::Https(_) => {
                "build it with the feature `https`, which is on unless `--no-default-features` is said"
            }
        }
    }
}

impl Address {
    /// Reads an address.
    ///
    /// Errors: it is not one of http or https, has a password in it, or needs https where that was
    /// left out of the program.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let given = text.trim();
        let text = given.trim_end_matches('/');
        // What has a password in it is shown by no message, be it an address or not.
        if text.contains('@') {
            return Err(AddressError::Secret);
        }
        let wrong = || AddressError::NoAddress(given.to_owned());
        let uri: Uri = text.parse().map_err(|_| wrong())?;
        let host = uri.host().unwrap_or_default();
        if host.is_empty() || uri.query().is_some() || text.contains(['#', '%']) {
            return Err(wrong());
        }
        match uri.scheme_str() {
            Some("http") => Ok(Self(text.to_owned())),
            Some("https") if cfg!(feature = "https") => Ok(Self(text.to_owned())),
            Some("https") => Err(AddressError::Https(text.to_owned())),
            _ => Err(wrong()),
        }
    }

    /// As it was written, without `/` at its end.
    pub fn text(&self) -> &str {
        &self.0
    }
}

impl Credentials {
    /// A name and a password, or a token; as in MLflow's own client, the former go first. `None`:
    /// one of them has a character that no header can have.
    pub fn of(user: Option<&str>, password: Option<&str>, token: Option<&str>) -> Option<Self> {
        let given = |text: &&str| !text.is_empty();
        let pair = user.filter(given).zip(password.filter(given));
        let text = match (pair, token.filter(given)) {
            (Some((user, password)), _) => {
                Some(format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))))
            }
            (None, Some(token)) => Some(format!("Bearer {}", token.trim())),
            (None, None) => None,
        };
        let plain = |text: &String| text.bytes().all(|byte| (0x20..0x7f).contains(&byte));
        text.as_ref().is_none_or(plain).then_some(Self(text))
    }

    pub(super) fn header(&self) -> Option<&str> {
        self.0.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_servers_are_taken_and_others_are_not() {
        let parse = |text: &str| Address::parse(text).map(|address| address.0);
        assert_eq!(parse(" http://127.0.0.1:5000/ "), Ok("http://127.0.0.1:5000".into()));
        assert_eq!(parse("http://[::1]:5000/ml/flow"), Ok("http://[::1]:5000/ml/flow".into()));
        for text in [
            "",
            "mlruns",
            "quickstart",
            "/srv/mlruns",
            "file:///srv/mlruns",
            "sqlite:///a.db",
            "databricks",
            "http://",
            "http:///path",
            "ftp://host",
            "http://host/?a=b",
            "http://host/#a",
            "http://ho st",
            "http://host\r\nX: y",
            "localhost:5000",
        ] {
            assert_eq!(parse(text), Err(AddressError::NoAddress(text.to_owned())), "{text}");
        }
        for text in ["http://me:secret@host", "me:secret@host"] {
            let error = parse(text).unwrap_err();
            assert!(!error.to_string().contains("secret"), "{error}");
        }
        assert_eq!(parse("https://host").is_ok(), cfg!(feature = "https"));
    }

    #[test]
    fn a_password_goes_before_a_token() {
        let header = |user, password, token| {
            let found = Credentials::of(user, password, token);
            found.map(|found| found.header().map(str::to_owned))
        };
        let basic = Some(Some("Basic bWU6c2VjcmV0".to_owned()));
        assert_eq!(header(Some("me"), Some("secret"), Some("token")), basic);
        assert_eq!(header(Some("me"), None, Some("token")), Some(Some("Bearer token".into())));
        assert_eq!(header(Some("me"), Some(""), None), Some(None));
        assert_eq!(header(None, None, Some("a\r\nX: y")), None);
    }
}
