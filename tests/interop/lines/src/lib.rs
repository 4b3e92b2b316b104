//! The protocol of tests/interop/README.md for ends in Rust: commands in, results and events out.
use std::io::{BufRead, Write};
use std::sync::Arc;

pub use serde_json::{Value, json};

/// Prints an event; `fields` is an object.
pub fn say(event: &str, mut fields: Value) {
    fields["event"] = event.into();
    let line = format!("{fields}\n");
    let mut out = std::io::stdout().lock();
    // Nobody is left to tell when this fails.
    let _ = out.write_all(line.as_bytes()).and_then(|()| out.flush());
}

/// Says that the end is ready, runs commands until standard input ends, and returns.
///
/// `run` gets the name of a command and its arguments, and returns the fields of the result. It may block: each command
/// runs on a thread of its own.
pub fn serve<F>(run: F)
where
    F: Fn(&str, &Value) -> Result<Value, String> + Send + Sync + 'static,
{
    let run = Arc::new(run);
    say("ready", json!({}));
    for line in std::io::stdin().lock().lines() {
        let Ok(line) = line else { return };
        let run = run.clone();
        std::thread::spawn(move || {
            let command: Value = serde_json::from_str(&line).expect("a command is JSON");
            let id = command["id"].clone();
            let name = command["command"].as_str().expect("a command has a name");
            match run(name, &command) {
                Ok(mut fields) => {
                    if fields.is_null() {
                        fields = json!({});
                    }
                    fields["id"] = id;
                    say("done", fields);
                }
                Err(error) => say("failed", json!({ "id": id, "error": error })),
            }
        });
    }
}
