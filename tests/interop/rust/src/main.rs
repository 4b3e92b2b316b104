//! The original as the other end of a test: `listen` or `dial <port>`, then `noise <psk>` (64 hexadecimal digits) where
//! the connection is to be encrypted, then `send <size>...` where it is to begin; else it sends back what it is sent.
//!
//! It prints what happens, and takes the command `leave`, which ends its connections, as tests/interop/README.md says.
mod frames;
mod noise;
mod peer;

use std::{
    env, io,
    net::{Ipv4Addr, SocketAddr},
    process,
};

use lines::Value;
use peer::Peer;

/// What the arguments ask for.
#[derive(Default)]
struct Task {
    /// Listens where there is none.
    dials: Option<u16>,
    psk: Option<[u8; 32]>,
    /// The messages that it sends first, by their sizes in bytes.
    sizes: Vec<usize>,
}

fn main() -> io::Result<()> {
    let Some(task) = task_of(env::args().skip(1)) else {
        eprintln!("usage: pea2pea-interop listen | dial <port> [noise <psk>] [send <size>...]");
        process::exit(2);
    };
    let runtime = tokio::runtime::Runtime::new()?;
    let peer = runtime.block_on(start(task))?;
    let (handle, leaving) = (runtime.handle().clone(), peer.clone());
    lines::serve(move |command, _| match command {
        "leave" => {
            handle.block_on(leaving.leave());
            Ok(Value::Null)
        }
        _ => Err(format!("there is no command {command}")),
    });
    runtime.block_on(peer.shut_down());
    Ok(())
}

fn task_of(mut args: impl Iterator<Item = String>) -> Option<Task> {
    let mut task = Task::default();
    match args.next()?.as_str() {
        "listen" => {}
        "dial" => task.dials = Some(args.next()?.parse().ok()?),
        _ => return None,
    }
    while let Some(word) = args.next() {
        match word.as_str() {
            "noise" => task.psk = Some(psk_of(&args.next()?)?),
            "send" => task.sizes = args.by_ref().map_while(|size| size.parse().ok()).collect(),
            _ => return None,
        }
    }
    Some(task)
}

fn psk_of(digits: &str) -> Option<[u8; 32]> {
    let bytes = (0..digits.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok())
        .collect::<Option<Vec<_>>>()?;
    bytes.try_into().ok()
}

async fn start(task: Task) -> io::Result<Peer> {
    let peer = Peer::new(task.dials.is_none(), task.psk, task.sizes).await;
    match task.dials {
        None => peer.listen().await?,
        Some(port) => {
            peer.dial(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
                .await
        }
    }
    Ok(peer)
}
