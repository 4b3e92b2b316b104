//! Protocol Buffers with prost. It has no JSON, so what is read is described as far as tests/interop/messages needs it.
use crate::described::unhex;
use crate::message_end::Format;
use lines::{Value, json};
use prost::Message;
use prost_types::{ListValue, Struct, Timestamp, Value as StructValue, value::Kind};
use std::io::Read;
use std::net::TcpStream;

pub struct Protobuf;

impl Format for Protobuf {
    /// With its length, a varint, which prost reads.
    fn next(&self, stream: &mut TcpStream) -> Option<Vec<u8>> {
        let mut frame = Vec::new();
        let mut byte = [0];
        loop {
            stream.read_exact(&mut byte).ok()?;
            frame.push(byte[0]);
            if byte[0] < 0x80 {
                break;
            }
        }
        let head = frame.len();
        let size = prost::decode_length_delimiter(frame.as_slice()).ok()?;
        frame.resize(head + size, 0);
        stream.read_exact(&mut frame[head..]).ok()?;
        Some(frame)
    }

    fn frame(&self, payload: Vec<u8>) -> Vec<u8> {
        payload
    }

    fn read(&self, kind: &str, frame: &[u8]) -> Result<(Value, Result<Vec<u8>, String>), String> {
        fn typed<M: Message + Default>(
            frame: &[u8],
            describe: impl Fn(&M) -> Value,
        ) -> Result<(Value, Result<Vec<u8>, String>), String> {
            let message = M::decode_length_delimited(frame).map_err(|error| error.to_string())?;
            Ok((describe(&message), Ok(message.encode_length_delimited_to_vec())))
        }
        match kind {
            "Int64Value" | "UInt64Value" if frame.len() > 100 => Err("that is no wrapper".into()),
            "Int64Value" => typed::<i64>(frame, |value| json!(value.to_string())),
            "UInt64Value" => typed::<u64>(frame, |value| json!(value.to_string())),
            "Int32Value" => typed::<i32>(frame, |value| json!(value)),
            "DoubleValue" => typed::<f64>(frame, |value| number(*value)),
            "StringValue" => typed::<String>(frame, |value| json!(value)),
            "BytesValue" => typed::<Vec<u8>>(frame, |value| json!(base64(value))),
            "Timestamp" => typed::<Timestamp>(frame, |value| json!(value.to_string())),
            "Struct" => typed::<Struct>(frame, structure),
            _ => Err(format!("there is no type {kind}")),
        }
    }

    fn make(&self, kind: &str, described: &Value) -> Result<Vec<u8>, String> {
        // Read, and written anew.
        let payload = unhex(described["hex"].as_str().ok_or("prost has no JSON")?);
        let mut frame = Vec::new();
        prost::encode_length_delimiter(payload.len(), &mut frame).map_err(|error| error.to_string())?;
        frame.extend(payload);
        self.read(kind, &frame)?.1
    }
}

fn structure(value: &Struct) -> Value {
    Value::Object(value.fields.iter().map(|(key, item)| (key.clone(), item_of(item))).collect())
}

fn item_of(item: &StructValue) -> Value {
    match &item.kind {
        None | Some(Kind::NullValue(_)) => Value::Null,
        Some(Kind::NumberValue(value)) => number(*value),
        Some(Kind::StringValue(text)) => json!(text),
        Some(Kind::BoolValue(flag)) => json!(flag),
        Some(Kind::StructValue(value)) => structure(value),
        Some(Kind::ListValue(ListValue { values })) => values.iter().map(item_of).collect(),
    }
}

/// As the JSON of protobuf has it.
fn number(value: f64) -> Value {
    if value.is_nan() {
        json!("NaN")
    } else if value.is_infinite() {
        json!(if value > 0.0 { "Infinity" } else { "-Infinity" })
    } else {
        json!(value)
    }
}

fn base64(content: &[u8]) -> String {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digit = |bits: u32, shift: u32| DIGITS[(bits >> shift & 0x3f) as usize] as char;
    let mut text = String::new();
    for chunk in content.chunks(3) {
        let bits = chunk.iter().chain([0, 0].iter()).take(3).fold(0u32, |bits, byte| bits << 8 | u32::from(*byte));
        text.push(digit(bits, 18));
        text.push(digit(bits, 12));
        text.push(if chunk.len() > 1 { digit(bits, 6) } else { '=' });
        text.push(if chunk.len() > 2 { digit(bits, 0) } else { '=' });
    }
    text
}
