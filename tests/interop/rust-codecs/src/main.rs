//! Messages in frames over TCP on the loopback, for tests/interop/messages, and tokio-util's codecs, for tests/interop/framings.
//!
//!     program msgpack | cbor | protobuf | tokio
mod binary;
mod described;
mod message_end;
mod protobuf;
mod tokio;

fn main() {
    match std::env::args().nth(1).as_deref() {
        Some("msgpack") => message_end::serve(binary::MessagePack),
        Some("cbor") => message_end::serve(binary::Cbor),
        Some("protobuf") => message_end::serve(protobuf::Protobuf),
        Some("tokio") => tokio::serve(),
        _ => panic!("which codec?"),
    }
}
