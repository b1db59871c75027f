//! Parses pickles, as far as PyTorch's state_dicts need them.
//!
//! A pickle is a program for a machine with a stack and a memo (Python's pickletools.py describes
//! its operations). This file is the part of that machine that puts values together;
//! [`super::value`] defines the values.

use std::collections::BTreeMap;

use super::value::{Global, Id, Value, Values};

/// All values of a pickle, and the place of its result.
pub fn load(bytes: &[u8]) -> Result<(Values<'_>, Id), String> {
    let mut machine = Machine {
        rest: bytes,
        values: Values::default(),
        stack: vec![],
        marks: vec![],
        memo: BTreeMap::new(),
    };
    loop {
        if let Some(result) = machine.step()? {
            return Ok((machine.values, result));
        }
    }
}

struct Machine<'a> {
    rest: &'a [u8],
    values: Values<'a>,
    stack: Vec<Id>,
    /// The height of the stack at each mark.
    marks: Vec<usize>,
    memo: BTreeMap<usize, Id>,
}

impl<'a> Machine<'a> {
    /// Runs one operation. Returns the result if it was the last one.
    fn step(&mut self) -> Result<Option<Id>, String> {
        let [operation] = self.array()?;
        match operation {
            // PROTO and FRAME.
            0x80 => drop(self.take(1)?),
            0x95 => drop(self.take(8)?),
            b'.' => return self.pop().map(Some),
            b'(' => self.marks.push(self.stack.len()),
            b'N' | 0x88 | 0x89 => self.push(Value::Other),
            b'G' => {
                self.take(8)?;
                self.push(Value::Other);
            }
            b'J' => {
                let value = i32::from_le_bytes(self.array()?);
                self.push(Value::Integer(value.into()));
            }
            b'K' | b'M' => {
                let value = self.number(if operation == b'K' { 1 } else { 2 })?;
                self.push(Value::Integer(value as i64));
            }
            0x8a => {
                let length = self.number(1)?;
                let digits = self.take(length)?;
                let value = long(digits).ok_or("an integer in the pickle has more than 64 bits")?;
                self.push(Value::Integer(value));
            }
            // BINUNICODE and SHORT_BINUNICODE.
            b'X' | 0x8c => {
                let length = self.number(if operation == b'X' { 4 } else { 1 })?;
                let text = text(self.take(length)?)?;
                self.push(Value::Text(text));
            }
            b')' | b']' => self.push(Value::Sequence(vec![])),
            b't' | b'l' => {
                let items = self.since_mark()?;
                self.push(Value::Sequence(items));
            }
            0x85..=0x87 => {
                let mut items = Vec::new();
                for _ in 0x85..=operation {
                    items.insert(0, self.pop()?);
                }
                self.push(Value::Sequence(items));
            }
            b'a' => {
                let item = self.pop()?;
                self.list()?.push(item);
            }
            b'e' => {
                let items = self.since_mark()?;
                self.list()?.extend(items);
            }
            b'}' => self.push(Value::Dictionary(vec![])),
            b's' => {
                let (value, key) = (self.pop()?, self.pop()?);
                self.dictionary()?.push((key, value));
            }
            b'u' => {
                let items = self.since_mark()?;
                self.dictionary()?
                    .extend(items.as_chunks().0.iter().map(|&[key, value]| (key, value)));
            }
            b'c' => {
                let (module, name) = (self.line()?, self.line()?);
                self.push(Value::Global(Global::of(module, name)?));
            }
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                let (Value::Text(module), Value::Text(name)) =
                    (&self.values.0[module], &self.values.0[name])
                else {
                    return Err("a name in the pickle is not text".to_owned());
                };
                let global = Global::of(module, name)?;
                self.push(Value::Global(global));
            }
            b'Q' => {
                let name = self.pop()?;
                self.push(self.values.storage(name)?);
            }
            b'R' => {
                let (arguments, function) = (self.pop()?, self.pop()?);
                self.push(self.values.call(function, arguments)?);
            }
            b'b' => {
                // Attributes such as `_metadata`, with the versions of modules.
                self.pop()?;
                self.dictionary()?;
            }
            b'q' | b'r' => {
                let place = self.number(if operation == b'q' { 1 } else { 4 })?;
                let top = self.top()?;
                self.memo.insert(place, top);
            }
            0x94 => {
                let top = self.top()?;
                self.memo.insert(self.memo.len(), top);
            }
            b'h' | b'j' => {
                let place = self.number(if operation == b'h' { 1 } else { 4 })?;
                let known = self
                    .memo
                    .get(&place)
                    .ok_or_else(|| format!("the pickle's memo has no {place}"))?;
                self.stack.push(*known);
            }
            other => {
                return Err(format!(
                    "the pickle has an operation {other:#04x}, which no state_dict needs"
                ));
            }
        }
        Ok(None)
    }

    fn push(&mut self, value: Value<'a>) {
        self.stack.push(self.values.0.len());
        self.values.0.push(value);
    }

    /// The value on top, which must have come since the last mark.
    fn top(&self) -> Result<Id, String> {
        match self.stack.last() {
            Some(top) if self.stack.len() > self.marks.last().map_or(0, |mark| *mark) => Ok(*top),
            _ => Err("the pickle takes more from its stack than is there".to_owned()),
        }
    }

    fn pop(&mut self) -> Result<Id, String> {
        let top = self.top()?;
        self.stack.pop();
        Ok(top)
    }

    fn since_mark(&mut self) -> Result<Vec<Id>, String> {
        let mark = self.marks.pop().ok_or("the pickle has no mark where it needs one")?;
        Ok(self.stack.split_off(mark))
    }

    /// The list on top.
    fn list(&mut self) -> Result<&mut Vec<Id>, String> {
        let top = self.top()?;
        match &mut self.values.0[top] {
            Value::Sequence(items) => Ok(items),
            _ => Err("the pickle appends to something other than a list".to_owned()),
        }
    }

    /// The dictionary on top.
    fn dictionary(&mut self) -> Result<&mut Vec<(Id, Id)>, String> {
        let top = self.top()?;
        match &mut self.values.0[top] {
            Value::Dictionary(entries) => Ok(entries),
            _ => Err("the pickle sets an item or attributes of something other than a dictionary"
                .to_owned()),
        }
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], String> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or("the pickle is cut off")?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], String> {
        Ok(self.take(N)?.try_into().expect("as many as were taken"))
    }

    /// An unsigned integer of at most four bytes.
    fn number(&mut self, bytes: usize) -> Result<usize, String> {
        Ok(self.take(bytes)?.iter().rev().fold(0, |number, &byte| number << 8 | usize::from(byte)))
    }

    /// Text up to the end of a line.
    fn line(&mut self) -> Result<&'a str, String> {
        let length =
            self.rest.iter().position(|&byte| byte == b'\n').ok_or("the pickle is cut off")?;
        let line = self.take(length)?;
        self.take(1)?;
        text(line)
    }
}

fn text(bytes: &[u8]) -> Result<&str, String> {
    str::from_utf8(bytes).map_err(|_| "a text in the pickle is not UTF-8".to_owned())
}

/// A signed integer, lowest byte first.
fn long(digits: &[u8]) -> Option<i64> {
    let sign = if digits.last().is_some_and(|&byte| byte >= 0x80) { 0xff } else { 0 };
    let mut bytes = [sign; 8];
    bytes.get_mut(..digits.len())?.copy_from_slice(digits);
    Some(i64::from_le_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::weights::torch::value::{Element, Storage, View};

    /// The pickle of a tensor of the storage `7` with this shape and these strides, as in PyTorch.
    fn tensor(shape: &[u8], strides: &[u8]) -> Vec<u8> {
        let storage =
            b"ctorch._utils\n_rebuild_tensor_v2\n((X\x07\0\0\0storagectorch\nFloatStorage\n\
            X\x01\0\0\x007X\x03\0\0\0cpuK\x06tQK\x01";
        let tuple = |sizes: &[u8]| [b"(", sizes, b"t"].concat();
        [storage, &tuple(shape)[..], &tuple(strides), b"\x89ccollections\nOrderedDict\n)RtR"]
            .concat()
    }

    fn refusal(pickle: &[u8]) -> String {
        load(pickle).unwrap_err()
    }

    #[test]
    fn a_tensor_is_a_view_of_its_storage() {
        let pickle =
            [b"\x80\x02", &tensor(b"K\x02M\x03\0", b"K\x01\x8a\x01\x02")[..], b"."].concat();
        let (values, root) = load(&pickle).unwrap();
        let storage = Storage { element: Element::F32, key: "7" };
        let view = View { storage, offset: 1, shape: vec![2, 3], strides: vec![1, 2] };
        assert_eq!(values.0[root], Value::Tensor(Box::new(view)));
    }

    #[test]
    fn dictionaries_fill_after_they_are_remembered_and_hold_what_is_shared() {
        // {"a": [1, None], "b": the same}, with attributes.
        let pickle = b"\x80\x04\x95\0\0\0\0\0\0\0\0}\x94(\x8c\x01a](K\x01Ne\x94\x8c\x01bh\x01u}\x8c\x01xNsb.";
        let (values, root) = load(pickle).unwrap();
        let Value::Dictionary(entries) = &values.0[root] else { panic!() };
        let [(a, list), (b, same)] = entries[..] else { panic!() };
        assert_eq!((&values.0[a], &values.0[b]), (&Value::Text("a"), &Value::Text("b")));
        let Value::Sequence(items) = &values.0[list] else { panic!() };
        assert!(
            list == same
                && values.0[items[0]] == Value::Integer(1)
                && values.0[items[1]] == Value::Other
        );
    }

    #[test]
    fn integers_are_those_of_python() {
        let integer = |pickle: &[u8]| {
            let (values, root) = load(pickle).unwrap();
            values.0[root] == Value::Integer(-2)
        };
        assert!(integer(b"J\xfe\xff\xff\xff."));
        assert!(integer(b"\x8a\x01\xfe."));
        assert_eq!(long(&[0, 1]), Some(256));
        assert_eq!(long(&[]), Some(0));
        assert_eq!(long(&[0; 9]), None);
    }

    #[test]
    fn code_is_refused_by_its_name() {
        let why = "; a state_dict holds only tensors of f32, f64 and integers";
        assert_eq!(
            refusal(b"\x80\x02cposix\nsystem\nX\x02\0\0\0ls\x85R."),
            format!("it needs `posix.system`{why}")
        );
        assert_eq!(
            refusal(b"\x8c\x08__main__\x8c\x03Net\x93)R."),
            format!("it needs `__main__.Net`{why}")
        );
        assert_eq!(
            refusal(b"ctorch\nHalfStorage\n."),
            format!("it needs `torch.HalfStorage`{why}")
        );
        assert_eq!(refusal(b"c__main__\nNet\n)\x81."), format!("it needs `__main__.Net`{why}"));
        assert_eq!(
            refusal(b"K\x01)\x81."),
            "the pickle has an operation 0x81, which no state_dict needs"
        );
    }

    #[test]
    fn broken_pickles_say_so() {
        let pickle = [&tensor(b"K\x02", b"K\x01")[..], b"."].concat();
        assert!(load(&pickle).is_ok());
        for length in 0..pickle.len() {
            assert!(load(&pickle[..length]).is_err(), "{length}");
        }
        let tensor = |shape: &[u8], strides: &[u8]| refusal(&tensor(shape, strides));
        assert_eq!(tensor(b"K\x02", b""), "the pickle makes a tensor differently from PyTorch");
        assert_eq!(
            tensor(b"J\xff\xff\xff\xff", b"K\x01"),
            "the pickle makes a tensor differently from PyTorch"
        );
        assert_eq!(
            tensor(&b"K\x01".repeat(9), &b"K\x01".repeat(9)),
            "the pickle makes a tensor differently from PyTorch"
        );
        assert_eq!(refusal(b"(."), "the pickle takes more from its stack than is there");
        assert_eq!(refusal(b"K\x01(\x85."), "the pickle takes more from its stack than is there");
        assert_eq!(refusal(b"t."), "the pickle has no mark where it needs one");
        assert_eq!(refusal(b"h\x05."), "the pickle's memo has no 5");
        assert_eq!(
            refusal(b"K\x01(u."),
            "the pickle sets an item or attributes of something other than a dictionary"
        );
        assert_eq!(
            refusal(b"NNR."),
            "the pickle has something else where a tuple of at most 8 is needed"
        );
        assert_eq!(refusal(b"N)R."), "the pickle makes something differently from PyTorch");
        assert_eq!(
            refusal(b"N)Q."),
            "the name of a storage in the pickle does not have five parts"
        );
    }
}
