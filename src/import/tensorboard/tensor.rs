//! Tensors in event files.

use super::messages::Tensor;
use crate::model::limits;
use serde_json::Value as Json;

/// The type of texts.
const STRING: i32 = 7;

/// Returns the numbers of a tensor in a row; `None` if it has none, or too many.
pub(super) fn numbers(tensor: &Tensor) -> Option<Vec<f64>> {
    let count = shape(tensor)?
        .into_iter()
        .try_fold(1usize, usize::checked_mul)
        .filter(|n| *n <= limits::TENSOR_ELEMENTS)?;
    let mut numbers = if tensor.content.is_empty() { listed(tensor)? } else { packed(tensor)? };
    if let Some(last) = numbers.last().copied().filter(|_| numbers.len() < count) {
        // What is repeated to the end is written once.
        numbers.resize(count, last);
    }
    (numbers.len() <= limits::TENSOR_ELEMENTS).then_some(numbers)
}

/// Returns the texts of a tensor in a row; `None` if it has none.
pub(super) fn strings(tensor: Tensor) -> Option<Vec<Vec<u8>>> {
    (tensor.kind == STRING).then_some(tensor.strings)
}

/// Returns the lengths of a tensor in its dimensions.
pub(super) fn shape(tensor: &Tensor) -> Option<Vec<usize>> {
    let dims = tensor.shape.as_ref().map(|shape| shape.dims.as_slice()).unwrap_or_default();
    if dims.len() > limits::TENSOR_DIMENSIONS {
        return None;
    }
    dims.iter().map(|dim| usize::try_from(dim.size).ok()).collect()
}

/// Returns numbers as lists in lists of a shape.
pub(super) fn nested(numbers: &[Json], shape: &[usize]) -> Json {
    match shape {
        [] => numbers.first().cloned().unwrap_or_default(),
        [_] => Json::Array(numbers.to_vec()),
        [_, within @ ..] => {
            let length = within.iter().product::<usize>().max(1);
            Json::Array(numbers.chunks(length).map(|chunk| nested(chunk, within)).collect())
        }
    }
}

/// Elements that are listed, by the number of their type.
#[expect(clippy::cast_precision_loss, reason = "a number of the history may be one beyond 2^53")]
fn listed(tensor: &Tensor) -> Option<Vec<f64>> {
    let ints = || tensor.ints.iter().copied().map(f64::from);
    Some(match tensor.kind {
        1 => tensor.floats.iter().copied().map(f64::from).collect(),
        2 => tensor.doubles.clone(),
        3..=6 | 17 => ints().collect(),
        9 => tensor.longs.iter().map(|int| *int as f64).collect(),
        10 => tensor.bools.iter().map(|bool| f64::from(u8::from(*bool))).collect(),
        14 => tensor.halves.iter().map(|bits| bfloat(u16::try_from(*bits).unwrap_or(0))).collect(),
        19 => tensor.halves.iter().map(|bits| half(u16::try_from(*bits).unwrap_or(0))).collect(),
        22 => tensor.uints.iter().copied().map(f64::from).collect(),
        23 => tensor.ulongs.iter().map(|int| *int as f64).collect(),
        _ => return None,
    })
}

/// Elements by their bytes.
#[expect(clippy::cast_precision_loss, reason = "a number of the history may be one beyond 2^53")]
fn packed(tensor: &Tensor) -> Option<Vec<f64>> {
    fn each<const N: usize>(bytes: &[u8], of: impl Fn([u8; N]) -> f64) -> Vec<f64> {
        bytes.chunks_exact(N).filter_map(|chunk| chunk.try_into().ok()).map(of).collect()
    }
    let bytes = tensor.content.as_slice();
    if bytes.len() > 8 * limits::TENSOR_ELEMENTS {
        return None;
    }
    Some(match tensor.kind {
        1 => each(bytes, |b| f64::from(f32::from_le_bytes(b))),
        2 => each(bytes, f64::from_le_bytes),
        3 => each(bytes, |b| f64::from(i32::from_le_bytes(b))),
        4 | 10 => each(bytes, |b| f64::from(u8::from_le_bytes(b))),
        5 => each(bytes, |b| f64::from(i16::from_le_bytes(b))),
        6 => each(bytes, |b| f64::from(i8::from_le_bytes(b))),
        9 => each(bytes, |b| i64::from_le_bytes(b) as f64),
        14 => each(bytes, |b| bfloat(u16::from_le_bytes(b))),
        17 => each(bytes, |b| f64::from(u16::from_le_bytes(b))),
        19 => each(bytes, |b| half(u16::from_le_bytes(b))),
        22 => each(bytes, |b| f64::from(u32::from_le_bytes(b))),
        23 => each(bytes, |b| u64::from_le_bytes(b) as f64),
        _ => return None,
    })
}

fn bfloat(bits: u16) -> f64 {
    f64::from(f32::from_bits(u32::from(bits) << 16))
}

/// A number of IEEE 754's binary16.
fn half(bits: u16) -> f64 {
    let (sign, exponent, fraction) = (bits >> 15, i32::from(bits >> 10 & 0x1f), f64::from(bits & 0x3ff));
    let size = match exponent {
        0 => fraction * 2f64.powi(-24),
        0x1f if fraction == 0.0 => f64::INFINITY,
        0x1f => f64::NAN,
        _ => (1.0 + fraction / 1024.0) * 2f64.powi(exponent - 15),
    };
    if sign == 0 { size } else { -size }
}
