//! In place of the engine, in a program that was built without it.

use ndarray::ArrayD;

use super::Misfit;

/// A network; there is none.
pub enum Network {}

/// There are no kernels.
pub fn kernels() -> Option<String> {
    None
}

impl Network {
    /// Errors: always.
    pub fn open(_: &[u8], _: Option<&str>) -> Result<Self, Misfit> {
        let why = "this humshift was built without networks of ONNX files";
        Err(Misfit::new(why).hint("build one: `cargo build --release --features onnx`"))
    }

    pub fn input(&self) -> Option<&[Option<usize>]> {
        match *self {}
    }

    pub fn shape(&self, _: &[usize]) -> Result<Vec<usize>, Misfit> {
        match *self {}
    }

    pub fn run(&self, _: ArrayD<f32>) -> Result<ArrayD<f32>, Misfit> {
        match *self {}
    }
}
