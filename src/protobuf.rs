//! Protocol buffers, as far as ONNX and TensorBoard need them: messages are written field by field
//! (protobuf.dev, "Encoding").
//!
//! The callers know the fields and their numbers.

/// A message being written.
#[derive(Clone, Default)]
pub struct Message(Vec<u8>);

impl Message {
    /// A field with an integer or an enumeration.
    pub fn integer(mut self, field: u32, value: i64) -> Self {
        self.key(field, 0);
        self.varint(value as u64);
        self
    }

    /// A field with several integers, one after another.
    pub fn integers(self, field: u32, values: &[i64]) -> Self {
        values.iter().fold(self, |message, &value| message.integer(field, value))
    }

    /// A field with an f32.
    pub fn float(mut self, field: u32, value: f32) -> Self {
        self.key(field, 5);
        self.0.extend(value.to_le_bytes());
        self
    }

    /// A field of an f64.
    pub fn double(mut self, field: u32, value: f64) -> Self {
        self.key(field, 1);
        self.0.extend(value.to_le_bytes());
        self
    }

    /// A field of bytes or of text.
    pub fn bytes(mut self, field: u32, value: &[u8]) -> Self {
        self.key(field, 2);
        self.varint(value.len() as u64);
        self.0.extend(value);
        self
    }

    /// A field with text.
    pub fn text(self, field: u32, value: &str) -> Self {
        self.bytes(field, value.as_bytes())
    }

    /// A field with a message.
    pub fn message(self, field: u32, value: &Message) -> Self {
        self.bytes(field, &value.0)
    }

    /// A field with several messages, one after another.
    pub fn messages(self, field: u32, values: &[Message]) -> Self {
        values.iter().fold(self, |message, value| message.message(field, value))
    }

    /// The bytes of the message.
    pub fn finish(self) -> Vec<u8> {
        self.0
    }

    fn key(&mut self, field: u32, kind: u32) {
        self.varint(u64::from(field << 3 | kind));
    }

    /// Seven bits per byte, the lowest first. The eighth bit says whether more follow.
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_those_of_the_specification() {
        // The examples of protobuf.dev: 150 in field 1, "testing" in field 2, the first message in
        // field 3.
        let first = Message::default().integer(1, 150);
        assert_eq!(first.0, [0x08, 0x96, 0x01]);
        assert_eq!(Message::default().text(2, "testing").0, *b"\x12\x07testing");
        assert_eq!(Message::default().message(3, &first).0, [0x1a, 0x03, 0x08, 0x96, 0x01]);
        assert_eq!(Message::default().integer(1, -2).0.len(), 11);
        assert_eq!(Message::default().float(2, 1.0).0, [0x15, 0, 0, 0x80, 0x3f]);
        assert_eq!(Message::default().double(1, 1.0).0, [0x09, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f]);
        assert_eq!(Message::default().integers(8, &[1, 300]).0, [0x40, 1, 0x40, 0xac, 2]);
    }
}
