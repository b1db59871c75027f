//! Files under names in a place that others share: a bucket of S3, or a folder.
//!
//! It is a narrow and blocking view of `object_store`, which brings signatures, retries with
//! back-off, and writes that never replace a file. Nothing here knows what the files hold.

use std::fmt::Write as _;
use std::io::{self, Read};
use std::sync::Arc;
use std::time::Duration;

use futures_util::TryStreamExt;
use object_store::aws::AmazonS3Builder;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    BackoffConfig, Error, GetOptions, MultipartUpload, ObjectStore, ObjectStoreExt, PutMode,
    PutOptions, RetryConfig,
};
use tokio::runtime::{Builder, Runtime};

use super::http::Connector;
use super::{LENGTH, PART, Refused, Seen};

/// A bucket or a folder, and the path in it.
pub(super) struct Bucket {
    store: Arc<dyn ObjectStore>,
    prefix: Path,
}

impl Bucket {
    /// `s3://BUCKET/PREFIX`, with keys and address from the variables of AWS, or `file:///FOLDER`.
    pub fn open(address: &str) -> Result<Self, String> {
        if let Some(folder) = address.strip_prefix("file://") {
            if !folder.starts_with('/') {
                return Err("a folder is named as `file:///FOLDER`".to_owned());
            }
            // A missing folder may be a share that is not mounted: nothing is made in its place.
            if !std::path::Path::new(folder).is_dir() {
                return Err(format!("there is no folder `{folder}`"));
            }
            let store = LocalFileSystem::new_with_prefix(folder).map_err(|e| chain(&e))?;
            return Ok(Self { store: Arc::new(store), prefix: Path::default() });
        }
        let Some((bucket, prefix)) = address
            .strip_prefix("s3://")
            .map(|rest| rest.split_once('/').unwrap_or((rest, "")))
            .filter(|(bucket, _)| !bucket.is_empty())
        else {
            return Err("it is none of `s3://BUCKET/PREFIX` and `file:///FOLDER`".to_owned());
        };
        let backoff = BackoffConfig {
            init_backoff: Duration::from_millis(100),
            max_backoff: Duration::from_secs(3),
            base: 2.0,
        };
        let retries =
            RetryConfig { backoff, max_retries: 5, retry_timeout: Duration::from_secs(60) };
        let store = AmazonS3Builder::from_env()
            .with_bucket_name(bucket)
            // An address of http is asked for by name.
            .with_allow_http(true)
            .with_retry(retries)
            .with_http_connector(Connector)
            .build()
            .map_err(|e| chain(&e))?;
        let prefix = Path::parse(prefix.trim_matches('/')).map_err(|e| chain(&e))?;
        Ok(Self { store: Arc::new(store), prefix })
    }

    fn at(&self, name: &str) -> Path {
        name.split('/').fold(self.prefix.clone(), |path, part| path.join(part))
    }

    /// The length of a file.
    pub fn length(&self, name: &str) -> Result<u64, Refused> {
        waited(self.store.head(&self.at(name))).map(|meta| meta.size)
    }

    /// The bytes of a file of at most `most` bytes.
    pub fn read(&self, name: &str, most: u64) -> Result<Vec<u8>, Refused> {
        let path = self.at(name);
        waited(async {
            let found = self.store.get(&path).await?;
            if found.meta.size > most {
                return Ok(None);
            }
            found.bytes().await.map(Some)
        })?
        .map(Vec::from)
        .ok_or_else(|| Refused::Wrong("is longer than it can be".to_owned()))
    }

    /// Hands the `bytes` bytes of a file to `take`, in parts.
    pub fn stream(
        &self,
        name: &str,
        bytes: u64,
        mut take: impl FnMut(&[u8]) -> io::Result<()>,
    ) -> Result<(), Refused> {
        let path = self.at(name);
        let mut at = 0;
        while at < bytes {
            let range = at..bytes.min(at + PART as u64);
            let options = GetOptions { range: Some(range.clone().into()), ..GetOptions::default() };
            let part = waited(async {
                let found = self.store.get_opts(&path, options).await?;
                // Of another length it is another file.
                if found.meta.size != bytes {
                    return Ok(None);
                }
                found.bytes().await.map(Some)
            });
            // A range beyond the end of a file is refused.
            let part = part.or_else(|refused| match self.length(name) {
                Ok(length) if length != bytes => Ok(None),
                _ => Err(refused),
            })?;
            let part = part
                .filter(|part| part.len() as u64 == range.end - range.start)
                .ok_or_else(|| Refused::Wrong(LENGTH.to_owned()))?;
            take(&part).map_err(|e| Refused::Local(e.to_string()))?;
            at = range.end;
        }
        Ok(())
    }

    /// Writes a file. Unless it may `replace` one, a file that is there stays. Returns whether it
    /// was written.
    pub fn write(&self, name: &str, bytes: Vec<u8>, replace: bool) -> Result<bool, Refused> {
        let path = self.at(name);
        let bytes = object_store::PutPayload::from(bytes);
        let put = |mode: PutMode| {
            let options = PutOptions { mode, ..PutOptions::default() };
            waited(self.store.put_opts(&path, bytes.clone(), options))
        };
        if replace {
            return put(PutMode::Overwrite).map(|_| true);
        }
        match put(PutMode::Create) {
            Ok(_) => Ok(true),
            Err(Refused::Exists) => Ok(false),
            // Servers without conditional writes: all writers of a name have the same content, or
            // results of equal right.
            Err(Refused::Unknown) => put(PutMode::Overwrite).map(|_| true),
            Err(refused) => Err(refused),
        }
    }

    /// Writes a long file in parts. It appears when it is complete.
    pub fn write_parts(&self, name: &str, mut file: impl Read) -> Result<(), Refused> {
        let path = self.at(name);
        let runtime = runtime();
        let mut upload: Box<dyn MultipartUpload> =
            runtime.block_on(self.store.put_multipart(&path)).map_err(refused)?;
        loop {
            let mut part = Vec::with_capacity(PART);
            let read = file.by_ref().take(PART as u64).read_to_end(&mut part);
            let sent = match read {
                Ok(0) => break,
                Ok(_) => runtime.block_on(upload.put_part(part.into())).map_err(refused),
                Err(error) => Err(Refused::Local(error.to_string())),
            };
            if let Err(refused) = sent {
                // What was sent is of no use, and costs its owner room.
                let _ = runtime.block_on(upload.abort());
                return Err(refused);
            }
        }
        runtime.block_on(upload.complete()).map_err(refused).map(|_| ())
    }

    /// The files of a folder and the folders in it, in no order.
    pub fn list(&self, folder: &str) -> Result<Vec<Seen>, Refused> {
        let path = self.at(folder);
        let found = waited(self.store.list(Some(&path)).try_collect::<Vec<_>>())?;
        let seen = |meta: object_store::ObjectMeta| {
            let parts = meta.location.prefix_match(&self.prefix)?;
            let mut name = String::new();
            for part in parts {
                let slash = if name.is_empty() { "" } else { "/" };
                let _ = write!(name, "{slash}{}", part.as_ref());
            }
            Some(Seen { name, modified: meta.last_modified.into() })
        };
        Ok(found.into_iter().filter_map(seen).collect())
    }
}

/// Clocks of the retries; the requests themselves block the thread.
fn runtime() -> Runtime {
    Builder::new_current_thread().enable_time().build().expect("a timer needs no resources")
}

fn waited<T>(work: impl Future<Output = object_store::Result<T>>) -> Result<T, Refused> {
    runtime().block_on(work).map_err(refused)
}

fn refused(error: Error) -> Refused {
    match &error {
        Error::NotFound { .. } => return Refused::Absent,
        Error::AlreadyExists { .. } | Error::Precondition { .. } => return Refused::Exists,
        Error::NotSupported { .. } | Error::NotImplemented { .. } => return Refused::Unknown,
        Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => {
            return Refused::Denied(reason(&error));
        }
        _ => {}
    }
    let mut cause: Option<&dyn std::error::Error> = Some(&error);
    while let Some(error) = cause {
        match error.downcast_ref::<io::Error>().map(io::Error::kind) {
            Some(io::ErrorKind::NotFound) => return Refused::Absent,
            Some(io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem) => {
                return Refused::Denied(reason(error));
            }
            _ => cause = error.source(),
        }
    }
    Refused::Failed(reason(&error))
}

/// What the server or the system said, without the request and the count of retries.
fn reason(error: &dyn std::error::Error) -> String {
    let text = chain(error);
    // Without keys, those of a machine of Amazon's are asked for at this address.
    if text.contains("169.254.169.254") {
        return "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set".to_owned();
    }
    text.rsplit(" - ").next().unwrap_or(&text).to_owned()
}

/// An error with its causes, each once, on one line and without the page of a server.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            let _ = write!(text, ": {more}");
        }
        cause = error.source();
    }
    let mut line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() > 300 {
        line = line.chars().take(300).collect::<String>() + "…";
    }
    line
}
