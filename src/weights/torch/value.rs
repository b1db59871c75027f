//! The values in the pickle of a state_dict, and the few functions that make them.
//!
//! Python would call any function that a pickle names. Here none is called: the few functions that
//! state_dicts need are recognised, and every other name is an error. Values lie in one list and
//! refer to each other by their place in it. So a file can neither multiply them by copies nor nest
//! them too deep for a destructor.

/// The place of a value in the list of a pickle's values.
pub type Id = usize;

/// The values that a pickle can make.
#[derive(Debug, PartialEq)]
pub enum Value<'a> {
    /// None, a truth value or a float: settings that were saved beside the weights.
    Other,
    Integer(i64),
    Text(&'a str),
    /// A tuple or a list.
    Sequence(Vec<Id>),
    Dictionary(Vec<(Id, Id)>),
    Global(Global),
    Storage(Storage<'a>),
    Tensor(Box<View<'a>>),
}

/// The recognised names.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Global {
    OrderedDict,
    Tensor,
    Parameter,
    Storage(Element),
}

impl Global {
    /// The meaning of a name.
    pub fn of(module: &str, name: &str) -> Result<Self, String> {
        match (module, name) {
            ("collections", "OrderedDict") => Ok(Global::OrderedDict),
            ("torch._utils", "_rebuild_tensor_v2") => Ok(Global::Tensor),
            ("torch._utils", "_rebuild_parameter") => Ok(Global::Parameter),
            ("torch", "FloatStorage") => Ok(Global::Storage(Element::F32)),
            ("torch", "DoubleStorage") => Ok(Global::Storage(Element::F64)),
            (
                "torch",
                "LongStorage" | "IntStorage" | "ShortStorage" | "CharStorage" | "ByteStorage"
                | "BoolStorage",
            ) => Ok(Global::Storage(Element::Integer)),
            _ => Err(format!(
                "it needs `{module}.{name}`; a state_dict holds only tensors of f32, f64 and integers"
            )),
        }
    }
}

/// The type of a storage's elements.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Element {
    F32,
    F64,
    /// Integers or truth values of any size.
    Integer,
}

/// A slice of numbers in its own zip entry.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Storage<'a> {
    pub element: Element,
    pub key: &'a str,
}

/// A tensor: its layout in its storage, counted in elements.
#[derive(Clone, Debug, PartialEq)]
pub struct View<'a> {
    pub storage: Storage<'a>,
    pub offset: usize,
    pub shape: Vec<usize>,
    pub strides: Vec<usize>,
}

/// No weights have more dimensions than this.
const DIMENSIONS: usize = 8;

/// All values of a pickle.
#[derive(Debug, Default)]
pub struct Values<'a>(pub Vec<Value<'a>>);

impl<'a> Values<'a> {
    /// The storage of a tensor's numbers, from its persistent name.
    pub fn storage(&self, name: Id) -> Result<Value<'a>, String> {
        let [kind, global, key, _, _] = self.items(name)?[..] else {
            return Err("the name of a storage in the pickle does not have five parts".to_owned());
        };
        match (kind, global, key) {
            (
                Value::Text("storage"),
                &Value::Global(Global::Storage(element)),
                &Value::Text(key),
            ) => Ok(Value::Storage(Storage { element, key })),
            _ => Err("the name of a storage in the pickle differs from PyTorch's form".to_owned()),
        }
    }

    /// Evaluates one of the recognised functions.
    pub fn call(&self, function: Id, arguments: Id) -> Result<Value<'a>, String> {
        let wrong = |what: &str| format!("the pickle makes {what} differently from PyTorch");
        let items = self.items(arguments)?;
        match self.0[function] {
            Value::Global(Global::OrderedDict) if items.is_empty() => Ok(Value::Dictionary(vec![])),
            Value::Global(Global::Tensor) => {
                let [Value::Storage(storage), Value::Integer(offset), shape, strides, ..] =
                    items[..]
                else {
                    return Err(wrong("a tensor"));
                };
                let offset = usize::try_from(*offset).map_err(|_| wrong("a tensor"))?;
                let sizes = || Some((self.sizes(shape)?, self.sizes(strides)?));
                match sizes() {
                    Some((shape, strides)) if shape.len() == strides.len() => {
                        Ok(Value::Tensor(Box::new(View {
                            storage: *storage,
                            offset,
                            shape,
                            strides,
                        })))
                    }
                    _ => Err(wrong("a tensor")),
                }
            }
            Value::Global(Global::Parameter) => match items[..] {
                [Value::Tensor(view), ..] => Ok(Value::Tensor(view.clone())),
                _ => Err(wrong("a parameter")),
            },
            _ => Err(wrong("something")),
        }
    }

    /// The values of a short tuple.
    fn items(&self, sequence: Id) -> Result<Vec<&Value<'a>>, String> {
        match &self.0[sequence] {
            Value::Sequence(items) if items.len() <= DIMENSIONS => {
                Ok(items.iter().map(|&i| &self.0[i]).collect())
            }
            _ => Err(format!(
                "the pickle has something else where a tuple of at most {DIMENSIONS} is needed"
            )),
        }
    }

    /// A short tuple of sizes.
    fn sizes(&self, value: &Value) -> Option<Vec<usize>> {
        let size = |&item: &Id| match self.0[item] {
            Value::Integer(size) => usize::try_from(size).ok(),
            _ => None,
        };
        match value {
            Value::Sequence(items) if items.len() <= DIMENSIONS => items.iter().map(size).collect(),
            _ => None,
        }
    }
}
