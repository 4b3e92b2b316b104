//! Yamux sessions and multistream-select over TCP on the loopback, for tests/interop/streams.
//!
//!     program 0.13 | 0.14
//!
//! The commands are in tests/interop/streams/stream-end.ts.
mod end;

mod yamux_0_13 {
    use yamux_0_13 as yamux;
    include!("session.rs");
}
mod yamux_0_14 {
    use yamux_0_14 as yamux;
    include!("session.rs");
}

use end::{End, Start};

fn main() {
    let version = std::env::args().nth(1);
    let start: Start = match version.as_deref() {
        Some("0.13") => yamux_0_13::start,
        Some("0.14") => yamux_0_14::start,
        _ => panic!("which version?"),
    };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let handle = runtime.handle().clone();
    let end = End::new(start);
    lines::serve(move |command, arguments| handle.block_on(end.run(command, arguments)));
    // Tasks and threads wait for a peer.
    std::process::exit(0);
}
