//! Runs for the programs in which people look at experiments: an MLflow server, TensorBoard.
//!
//! `facts` makes of results what both show, `tensorboard` turns that into bytes of files, and
//! `mlflow` sends it to a server. Nothing else in this program opens a socket.

mod facts;
mod mlflow;
mod names;
mod tensorboard;

pub use facts::{Facts, Training};
pub use mlflow::{Address, Credentials, Mlflow};
pub use tensorboard::files as event_files;
