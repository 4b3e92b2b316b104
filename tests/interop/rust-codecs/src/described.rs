//! Values in JSON that say of what type they are; tests/interop/messages/described.ts has the forms.
use lines::{Value, json};
use serde::{Deserialize, Serialize};

pub fn int(value: impl ToString) -> Value {
    json!({ "int": value.to_string() })
}

pub fn float(value: f64) -> Value {
    json!({ "float": format!("{:016x}", value.to_bits()) })
}

pub fn bytes(value: &[u8]) -> Value {
    json!({ "bytes": value.iter().map(|byte| format!("{byte:02x}")).collect::<String>() })
}

/// Nanoseconds since 1970.
pub fn time(seconds: i128, nanos: i128) -> Value {
    json!({ "time": (seconds * 1_000_000_000 + nanos).to_string() })
}

pub fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).filter_map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect()
}

/// A field of each type that programs declare.
#[derive(Deserialize, Serialize)]
pub struct Record {
    int64: i64,
    uint64: u64,
    float64: f64,
    text: String,
    #[serde(with = "serde_bytes")]
    bytes: Vec<u8>,
    flag: bool,
    list: Vec<i64>,
    map: std::collections::BTreeMap<String, i64>,
    maybe: Option<String>,
}

impl Record {
    pub fn describe(&self) -> Value {
        let map: Vec<Value> = self.map.iter().map(|(key, value)| json!([key, int(value)])).collect();
        json!({ "map": [
            ["int64", int(self.int64)],
            ["uint64", int(self.uint64)],
            ["float64", float(self.float64)],
            ["text", self.text],
            ["bytes", bytes(&self.bytes)],
            ["flag", self.flag],
            ["list", self.list.iter().map(int).collect::<Vec<_>>()],
            ["map", { "map": map }],
            ["maybe", self.maybe],
        ] })
    }
}
