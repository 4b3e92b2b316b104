//! The original as the other end of a test: `listen` or `dial <port>`, then `noise <psk>` (64 hexadecimal digits) where
//! the connection is to be encrypted, then `send <size>...` where it is to begin; else it sends back what it is sent.
//!
//! It prints what happens, one JSON object a line. On standard input `leave` ends its connections; the end of the input
//! ends the program.
mod frames;
mod noise;
mod peer;

use std::{
    env,
    io::{self, BufRead},
    net::{Ipv4Addr, SocketAddr},
    process,
};

use peer::Peer;
use tokio::sync::mpsc;

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
    tokio::runtime::Runtime::new()?.block_on(run(task))
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

async fn run(task: Task) -> io::Result<()> {
    let peer = Peer::new(task.dials.is_none(), task.psk, task.sizes).await;
    match task.dials {
        None => peer.listen().await?,
        Some(port) => {
            peer.dial(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
                .await
        }
    }
    let mut commands = commands();
    while let Some(command) = commands.recv().await {
        if command == "leave" {
            peer.leave().await;
        }
    }
    peer.shut_down().await;
    Ok(())
}

/// The lines of standard input, which is read by a thread of its own: it has no other way to wait.
fn commands() -> mpsc::UnboundedReceiver<String> {
    let (sender, receiver) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in io::stdin().lock().lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}
