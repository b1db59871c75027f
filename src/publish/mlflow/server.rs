//! Questions to a server, and what can go wrong with them.

use std::time::Duration;

use serde_json::Value;
use ureq::Agent;
use ureq::http::StatusCode;

use super::address::{Address, Credentials};
use crate::agent::agent;
use crate::publish::names::shortened;

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(10);
/// No answer is longer: a page of runs with all their numbers.
const LONGEST: u64 = 256 << 20;
/// So much of what a server says is shown.
const SHOWN: usize = 300;

/// Why a server did not take what it was sent.
#[derive(Debug, thiserror::Error)]
pub enum MlflowError {
    #[error("the MLflow server at `{0}` cannot be reached: {1}")]
    Unreachable(String, String),
    #[error("the MLflow server at `{0}` gave no answer in time")]
    Late(String),
    #[error("the MLflow server at `{0}` does not let this request in: {1}")]
    Refused(String, String),
    #[error("`{0}` sends everybody on to `{1}`")]
    Elsewhere(String, String),
    #[error("what answers at `{0}` is no MLflow server: {1}")]
    Another(String, String),
    #[error("the MLflow server at `{0}` refuses: {1}")]
    Says(String, String),
}

impl MlflowError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Unreachable(..) => "is the server running, and is this its address?",
            Self::Late(_) => {
                "what was sent is kept, and the same command sends the rest; MLFLOW_HTTP_REQUEST_TIMEOUT sets how many seconds an answer may take"
            }
            Self::Refused(..) => {
                "if it wants to know who asks, set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN"
            }
            Self::Elsewhere(..) => {
                "name that address if it is the server; a page to log in wants MLFLOW_TRACKING_TOKEN"
            }
            Self::Another(..) => "name the address at which a browser shows MLflow's page",
            Self::Says(..) => "what was sent is kept, and the same command sends the rest",
        }
    }
}

/// An answer.
pub(super) enum Answer {
    Of(Value),
    /// There is nothing of that name.
    Nothing,
    /// There is something of that name already.
    Known,
}

/// A server.
pub(super) struct Server {
    agent: Agent,
    address: Address,
    credentials: Credentials,
}

impl Server {
    pub(super) fn new(address: Address, credentials: Credentials, patience: Duration) -> Self {
        Self { agent: agent(CONNECT, patience), address, credentials }
    }

    /// Asks with a name in the address.
    pub(super) fn get(&self, path: &str, name: (&str, &str)) -> Result<Answer, MlflowError> {
        let mut request = self.agent.get(self.url(path)).query(name.0, name.1);
        if let Some(header) = self.credentials.header() {
            request = request.header("Authorization", header);
        }
        self.answer(request.call())
    }

    /// Sends a document.
    pub(super) fn post(&self, path: &str, body: &Value) -> Result<Answer, MlflowError> {
        let mut request =
            self.agent.post(self.url(path)).header("Content-Type", "application/json");
        if let Some(header) = self.credentials.header() {
            request = request.header("Authorization", header);
        }
        self.answer(request.send(body.to_string()))
    }

    /// The same, where the answer must be a document.
    pub(super) fn made(&self, path: &str, body: &Value) -> Result<Value, MlflowError> {
        match self.post(path, body)? {
            Answer::Of(value) => Ok(value),
            Answer::Nothing | Answer::Known => {
                Err(self.says(&format!("`{path}` names what there is not, or no longer")))
            }
        }
    }

    pub(super) fn another(&self, why: &str) -> MlflowError {
        MlflowError::Another(self.name(), why.to_owned())
    }

    pub(super) fn says(&self, what: &str) -> MlflowError {
        MlflowError::Says(self.name(), shortened(what, SHOWN))
    }

    fn name(&self) -> String {
        self.address.text().to_owned()
    }

    fn url(&self, path: &str) -> String {
        format!("{}/api/2.0/mlflow/{path}", self.address.text())
    }

    fn answer(
        &self,
        response: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
    ) -> Result<Answer, MlflowError> {
        let failed = |error: ureq::Error| match error {
            ureq::Error::Timeout(_) => MlflowError::Late(self.name()),
            ureq::Error::Io(error) => MlflowError::Unreachable(self.name(), error.to_string()),
            ureq::Error::Protocol(error) => self.another(&error.to_string()),
            other => MlflowError::Unreachable(self.name(), other.to_string()),
        };
        let mut response = response.map_err(failed)?;
        let status = response.status();
        if status.is_redirection() {
            let to = response.headers().get("location");
            let to = to.and_then(|to| to.to_str().ok()).unwrap_or_default();
            return Err(MlflowError::Elsewhere(self.name(), shortened(to, SHOWN)));
        }
        let bytes = response.body_mut().with_config().limit(LONGEST).read_to_vec();
        let bytes = bytes.map_err(failed)?;
        let value: Option<Value> = serde_json::from_slice(&bytes).ok();
        if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            return Err(MlflowError::Refused(self.name(), reason(status, value.as_ref(), &bytes)));
        }
        let code = value.as_ref().and_then(|value| value.get("error_code")?.as_str());
        match (status.is_success(), code, &value) {
            (true, _, Some(Value::Object(_))) => Ok(Answer::Of(value.unwrap_or_default())),
            (false, Some("RESOURCE_DOES_NOT_EXIST"), _) => Ok(Answer::Nothing),
            (false, Some("RESOURCE_ALREADY_EXISTS"), _) => Ok(Answer::Known),
            (false, Some(code), Some(value)) => {
                let message = value.get("message").and_then(Value::as_str).unwrap_or_default();
                Err(self.says(&format!("{code}: {message}")))
            }
            _ if status.is_server_error() => Err(self.says(&status.to_string())),
            _ => Err(self.another(&format!("its answer is {status} without a document of MLflow"))),
        }
    }
}

/// A status and what the server says about it, unless that is a page.
fn reason(status: StatusCode, value: Option<&Value>, bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let message = value.and_then(|value| value.get("message")?.as_str());
    match message.unwrap_or(text.trim()) {
        "" => status.to_string(),
        page if page.starts_with('<') => status.to_string(),
        words => format!("{status}: {}", shortened(words, SHOWN)),
    }
}
