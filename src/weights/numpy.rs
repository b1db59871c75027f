//! Reads arrays of NumPy: `.npy` and `.npz` files.
//!
//! Our own reader, because the crate `ndarray-npy` has no half precision.

use ndarray::{ArrayD, IxDyn, ShapeBuilder};

use super::zip;
use crate::artifact::{DecodeError, NpyHead};

/// The numbers of an array as f32, from f16, f32 or f64, in any byte order and any order of axes.
///
/// `name` is the array of a `.npz` file; a file with a single array needs none.
///
/// Errors: other bytes than those of a `.npy` or `.npz` file; numbers that are no floats; fewer or
/// more numbers than the shape says; an unknown `name`, or several arrays and no name.
pub fn read_numpy(bytes: &[u8], name: Option<&str>) -> Result<ArrayD<f32>, DecodeError> {
    read(bytes, name).map_err(|why| DecodeError::new("NumPy array", why))
}

fn read(bytes: &[u8], name: Option<&str>) -> Result<ArrayD<f32>, String> {
    if !bytes.starts_with(b"PK") {
        return match name {
            Some(name) => Err(format!("it is no `.npz` file, so it has no array `{name}`")),
            None => array(bytes),
        };
    }
    let entries = zip::entries(bytes)?;
    let arrays: Vec<&str> = entries.keys().filter_map(|entry| entry.strip_suffix(".npy")).collect();
    let known = || arrays.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let name = match (name, &arrays[..]) {
        (Some(name), _) if arrays.contains(&name) => name,
        (Some(name), _) => return Err(format!("it has no array `{name}`, but {}", known())),
        (None, [only]) => only,
        (None, []) => return Err("it is a zip file without arrays".to_owned()),
        (None, _) => {
            return Err(format!("it has several arrays: {}; choose one by `array`", known()));
        }
    };
    let entry = format!("{name}.npy");
    array(&entries[entry.as_str()].content(&entry)?)
}

/// The array of a `.npy` file.
fn array(bytes: &[u8]) -> Result<ArrayD<f32>, String> {
    let head = NpyHead::read(bytes)?;
    let element = Element::of(head.descr).ok_or_else(|| {
        let descr: String = head.descr.chars().take(20).collect();
        format!("its numbers are `{descr}`: save floats of 16, 32 or 64 bits (`astype`)")
    })?;
    let numbers = &bytes[head.begin..];
    if head.count(bytes, element.size).is_none() {
        let (there, shape) = (numbers.len(), &head.shape);
        return Err(format!(
            "it has {there} bytes of numbers, other than its shape {shape:?} needs"
        ));
    }
    let shape = IxDyn(&head.shape).set_f(head.fortran_order);
    let array = ArrayD::from_shape_vec(shape, element.values(numbers));
    array.map_err(|error| error.to_string())
}

#[derive(Clone, Copy)]
struct Element {
    size: usize,
    big_endian: bool,
}

impl Element {
    fn of(descr: &str) -> Option<Self> {
        let (order, kind) = descr.split_at_checked(1)?;
        let size = match kind {
            "f2" => 2,
            "f4" => 4,
            "f8" => 8,
            _ => return None,
        };
        match order {
            "<" | "=" | "|" => Some(Self { size, big_endian: false }),
            ">" => Some(Self { size, big_endian: true }),
            _ => None,
        }
    }

    /// The numbers in f32, of a length that fits.
    fn values(self, bytes: &[u8]) -> Vec<f32> {
        fn each<const N: usize>(bytes: &[u8], swap: bool, of: fn([u8; N]) -> f32) -> Vec<f32> {
            let chunks = bytes.as_chunks::<N>().0.iter();
            if swap {
                return chunks
                    .map(|chunk| {
                        let mut chunk = *chunk;
                        chunk.reverse();
                        of(chunk)
                    })
                    .collect();
            }
            chunks.map(|chunk| of(*chunk)).collect()
        }
        match self.size {
            2 => each(bytes, self.big_endian, |b| half(u16::from_le_bytes(b))),
            4 => each(bytes, self.big_endian, f32::from_le_bytes),
            _ => each(bytes, self.big_endian, |b| f64::from_le_bytes(b) as f32),
        }
    }
}

/// A number of half precision (IEEE 754 binary16), exactly.
fn half(bits: u16) -> f32 {
    let (sign, rest) = (u32::from(bits >> 15) << 31, u32::from(bits & 0x7fff));
    // The bits of the fraction move by 13, and the exponent's bias goes from 15 to 127.
    let normal = f32::from_bits((rest << 13) + (112 << 23));
    let magnitude = match rest >> 10 {
        // Subnormal numbers: steps of 2^-24.
        0 => rest as f32 / 16_777_216.0,
        31 => f32::from_bits((rest << 13) | 0x7f80_0000),
        _ => normal,
    };
    f32::from_bits(magnitude.to_bits() | sign)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    /// A `.npy` file as NumPy writes it.
    fn npy(descr: &str, fortran: &str, shape: &str, numbers: &[u8]) -> Vec<u8> {
        let dict =
            format!("{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}");
        let padded = format!("{dict:<117}\n");
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((padded.len() as u16).to_le_bytes());
        bytes.extend(padded.as_bytes());
        bytes.extend(numbers);
        bytes
    }

    #[test]
    fn arrays_of_any_precision_and_order_are_read() {
        let values = [1.5f32, -2.0, 0.25, 4.0, 1e-3, 6.0];
        let expected = array![[1.5f32, -2.0, 0.25], [4.0, 1e-3, 6.0]].into_dyn();
        let single: Vec<u8> = values.iter().flat_map(|x| x.to_le_bytes()).collect();
        let read = |bytes: &[u8]| read_numpy(bytes, None).unwrap();
        assert_eq!(read(&npy("<f4", "False", "(2, 3)", &single)), expected);
        let big: Vec<u8> = values.iter().flat_map(|x| x.to_be_bytes()).collect();
        assert_eq!(read(&npy(">f4", "False", "(2, 3)", &big)), expected);
        let double: Vec<u8> = values.iter().flat_map(|x| f64::from(*x).to_le_bytes()).collect();
        assert_eq!(read(&npy("<f8", "False", "(2, 3)", &double)), expected);
        // By columns, as `numpy.asfortranarray` lays it out.
        let columns: Vec<u8> =
            [0, 3, 1, 4, 2, 5].iter().flat_map(|i| values[*i as usize].to_le_bytes()).collect();
        assert_eq!(read(&npy("<f4", "True", "(2, 3)", &columns)), expected);
        assert_eq!(read(&npy("<f4", "False", "(6,)", &single)).shape(), [6]);
    }

    #[test]
    fn half_precision_is_exact() {
        // Bits and numbers of `numpy.float16`.
        for (bits, number) in [
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x7bff, 65504.0),
            (0x0001, 5.960_464_5e-8),
            (0x03ff, 6.097_555_2e-5),
            (0x0400, 6.103_515_6e-5),
            (0x3555, 0.333_251_95),
            (0x8000, -0.0),
        ] {
            assert_eq!(half(bits).to_bits(), (number as f32).to_bits(), "{bits:04x}");
        }
        assert_eq!(half(0x7c00), f32::INFINITY);
        assert!(half(0x7e00).is_nan());
    }

    #[test]
    fn what_is_no_array_of_floats_is_refused() {
        let refusal = |bytes: &[u8]| read(bytes, None).unwrap_err();
        assert_eq!(refusal(b"RIFF"), "it is no file of NumPy");
        assert_eq!(
            refusal(&npy("<i8", "False", "(1,)", &[0; 8])),
            "its numbers are `<i8`: save floats of 16, 32 or 64 bits (`astype`)"
        );
        assert_eq!(
            refusal(&npy("<f4", "False", "(3,)", &[0; 8])),
            "it has 8 bytes of numbers, other than its shape [3] needs"
        );
        let huge = format!("({0}, {0}, {0})", usize::MAX);
        assert!(refusal(&npy("<f4", "False", &huge, &[0; 8])).starts_with("it has 8 bytes"));
        let whole = npy("<f4", "False", "(2,)", &[0; 8]);
        for length in 0..whole.len() {
            assert!(read(&whole[..length], None).is_err(), "{length}");
        }
        assert!(read(&whole, Some("x")).unwrap_err().contains("no `.npz` file"));
    }
}
