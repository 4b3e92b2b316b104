use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock};

use futures::future::BoxFuture;
use futures::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};
use lines::{Value, json, say};
use multistream_select::{Version, dialer_select_proto, listener_select_proto};
use sha2::{Digest, Sha256};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex as AsyncMutex, mpsc, oneshot, watch};
use tokio_util::compat::TokioAsyncReadCompatExt;

pub trait Stream: AsyncRead + AsyncWrite + Send {}
impl<T: AsyncRead + AsyncWrite + Send> Stream for T {}

/// A connection, or a stream of a session.
pub type Io = Pin<Box<dyn Stream>>;
/// Is given the streams that the peer opens.
pub type Inbound = Box<dyn Fn(Io) + Send>;
/// Makes a session and drives it; why it ended.
pub type Start = fn(Io, bool, mpsc::Receiver<Ask>, Inbound) -> BoxFuture<'static, String>;

pub enum Ask {
    Open(oneshot::Sender<Result<Io, String>>),
    Close,
}

/// A stream that the test knows by number.
struct Kept {
    read: AsyncMutex<Option<ReadHalf<Io>>>,
    write: AsyncMutex<Option<WriteHalf<Io>>>,
}

struct Session {
    asks: mpsc::Sender<Ask>,
    ended: watch::Receiver<bool>,
    task: tokio::task::AbortHandle,
    socket: Mutex<Option<socket2::Socket>>,
}

#[derive(Clone)]
pub struct End {
    start: Start,
    session: Arc<OnceLock<Session>>,
    streams: Arc<Mutex<Vec<Arc<Kept>>>>,
}

type Done = Result<Value, String>;

fn words(error: impl std::fmt::Display) -> String {
    error.to_string()
}

impl End {
    pub fn new(start: Start) -> End {
        End { start, session: Arc::default(), streams: Arc::default() }
    }

    pub async fn run(&self, command: &str, arguments: &Value) -> Done {
        match command {
            "listen" => self.listen(arguments.clone()).await,
            "dial" => self.dial(arguments).await,
            "open" => self.open().await,
            "write" => self.write(arguments).await,
            "read" => self.read(arguments).await,
            "exchange" => self.exchange(arguments).await,
            "closeWrite" => self.close_write(arguments).await,
            "reset" => self.reset(arguments).await,
            "closeSession" => self.session()?.asks.send(Ask::Close).await.map(|()| Value::Null).map_err(words),
            "cut" => self.cut().await,
            "ended" => self.ended().await,
            "select" => self.select(arguments).await,
            "handle" => self.handle(arguments).await,
            _ => Err(format!("there is no command {command}")),
        }
    }

    async fn listen(&self, options: Value) -> Done {
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(words)?;
        let port = listener.local_addr().map_err(words)?.port();
        let end = self.clone();
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                if end.begin(socket, false, &options).is_ok() {
                    say("session", json!({}));
                }
            }
        });
        Ok(json!({ "port": port }))
    }

    async fn dial(&self, options: &Value) -> Done {
        let port = options["port"].as_u64().ok_or("which port?")? as u16;
        let socket = TcpStream::connect(("127.0.0.1", port)).await.map_err(words)?;
        self.begin(socket, true, options)?;
        Ok(Value::Null)
    }

    fn begin(&self, socket: TcpStream, client: bool, options: &Value) -> Result<(), String> {
        socket.set_nodelay(true).map_err(words)?;
        let socket = socket.into_std().map_err(words)?;
        let copy = socket2::Socket::from(socket.try_clone().map_err(words)?);
        let io: Io = Box::pin(TcpStream::from_std(socket).map_err(words)?.compat());
        if options["raw"] == true {
            self.keep(io);
            return Ok(());
        }
        let (asks, asked) = mpsc::channel(16);
        let (end, echoes) = (self.clone(), options["serve"] == "echo");
        let runtime = tokio::runtime::Handle::current();
        let inbound = Box::new(move |stream: Io| {
            if echoes {
                runtime.spawn(echo(stream));
            } else {
                say("stream", json!({ "stream": end.keep(stream) }));
            }
        });
        let driven = (self.start)(io, client, asked, inbound);
        let (over, ended) = watch::channel(false);
        let task = tokio::spawn(async move {
            eprintln!("the session is over: {}", driven.await);
            let _ = over.send(true);
        });
        let session = Session { asks, ended, task: task.abort_handle(), socket: Mutex::new(Some(copy)) };
        self.session.set(session).map_err(|_| "there is a session".to_string())
    }

    fn session(&self) -> Result<&Session, String> {
        self.session.get().ok_or("there is no session".into())
    }

    fn keep(&self, stream: Io) -> usize {
        let (read, write) = stream.split();
        let kept = Kept { read: AsyncMutex::new(Some(read)), write: AsyncMutex::new(Some(write)) };
        let mut streams = self.streams.lock().expect("nobody panics");
        streams.push(Arc::new(kept));
        streams.len()
    }

    fn at(&self, arguments: &Value) -> Result<Arc<Kept>, String> {
        let number = arguments["stream"].as_u64().ok_or("which stream?")? as usize;
        let streams = self.streams.lock().expect("nobody panics");
        streams.get(number - 1).cloned().ok_or(format!("there is no stream {number}"))
    }

    async fn open(&self) -> Done {
        let (reply, opened) = oneshot::channel();
        self.session()?.asks.send(Ask::Open(reply)).await.map_err(words)?;
        let stream = opened.await.map_err(words)??;
        Ok(json!({ "stream": self.keep(stream) }))
    }

    async fn write(&self, arguments: &Value) -> Done {
        let kept = self.at(arguments)?;
        let (seed, size) = (arguments["seed"].as_u64().unwrap_or(0), arguments["size"].as_u64().unwrap_or(0));
        let bytes: Vec<u8> = (0..size).map(|index| ((seed + index) % 251) as u8).collect();
        let mut write = kept.write.lock().await;
        let write = write.as_mut().ok_or("the stream was reset")?;
        write.write_all(&bytes).await.map_err(words)?;
        write.flush().await.map_err(words)?;
        Ok(Value::Null)
    }

    /// Reads `size` bytes, or to the end if that is 0.
    async fn read(&self, arguments: &Value) -> Done {
        let kept = self.at(arguments)?;
        let size = arguments["size"].as_u64().unwrap_or(0) as usize;
        let mut read = kept.read.lock().await;
        let read = read.as_mut().ok_or("the stream was reset")?;
        let (mut hash, mut length, mut buffer) = (Sha256::new(), 0, vec![0; 65_536]);
        let how = loop {
            if size > 0 && length == size {
                break "open".to_string();
            }
            let room = if size > 0 { buffer.len().min(size - length) } else { buffer.len() };
            match read.read(&mut buffer[..room]).await {
                Ok(0) => break "end".to_string(),
                Ok(count) => {
                    hash.update(&buffer[..count]);
                    length += count;
                }
                Err(error) => break error.to_string(),
            }
        };
        let digest: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(json!({ "length": length, "digest": digest, "how": how }))
    }

    /// Writes, ends, and reads to the end meanwhile. All in one task: with two, version 0.13 loses wake-ups at times.
    async fn exchange(&self, arguments: &Value) -> Done {
        let write = async {
            self.write(arguments).await?;
            self.close_write(arguments).await
        };
        let all = json!({ "stream": arguments["stream"] });
        let (written, read) = futures::join!(write, self.read(&all));
        written.and(read)
    }

    async fn close_write(&self, arguments: &Value) -> Done {
        let kept = self.at(arguments)?;
        let mut write = kept.write.lock().await;
        write.as_mut().ok_or("the stream was reset")?.close().await.map_err(words)?;
        Ok(Value::Null)
    }

    /// A stream that is dropped is reset.
    async fn reset(&self, arguments: &Value) -> Done {
        let kept = self.at(arguments)?;
        drop(kept.write.lock().await.take());
        drop(kept.read.lock().await.take());
        Ok(Value::Null)
    }

    /// Resets the connection: that is what happens when its last copy is closed.
    async fn cut(&self) -> Done {
        let session = self.session()?;
        let socket = session.socket.lock().expect("nobody panics").take().ok_or("it was cut")?;
        socket.set_linger(Some(std::time::Duration::ZERO)).map_err(words)?;
        session.task.abort();
        let _ = session.ended.clone().wait_for(|over| *over).await;
        Ok(Value::Null)
    }

    async fn ended(&self) -> Done {
        let mut ended = self.session()?.ended.clone();
        let _ = ended.wait_for(|over| *over).await;
        Ok(Value::Null)
    }

    async fn taken(&self, arguments: &Value) -> Result<Io, String> {
        let kept = self.at(arguments)?;
        let read = kept.read.lock().await.take().ok_or("the stream was reset")?;
        let write = kept.write.lock().await.take().ok_or("the stream was reset")?;
        read.reunite(write).map_err(words)
    }

    async fn put_back(&self, arguments: &Value, stream: Io) -> Result<(), String> {
        let kept = self.at(arguments)?;
        let (read, write) = stream.split();
        *kept.read.lock().await = Some(read);
        *kept.write.lock().await = Some(write);
        Ok(())
    }

    async fn select(&self, arguments: &Value) -> Done {
        let version = if arguments["lazy"] == true { Version::V1Lazy } else { Version::V1 };
        let stream = self.taken(arguments).await?;
        let (protocol, stream) = dialer_select_proto(stream, protocols(arguments), version).await.map_err(words)?;
        self.put_back(arguments, Box::pin(stream)).await?;
        Ok(json!({ "protocol": protocol }))
    }

    async fn handle(&self, arguments: &Value) -> Done {
        let stream = self.taken(arguments).await?;
        let (protocol, stream) = listener_select_proto(stream, protocols(arguments)).await.map_err(words)?;
        self.put_back(arguments, Box::pin(stream)).await?;
        Ok(json!({ "protocol": protocol }))
    }
}

fn protocols(arguments: &Value) -> Vec<String> {
    let list = arguments["protocols"].as_array().cloned().unwrap_or_default();
    list.iter().filter_map(|protocol| protocol.as_str().map(String::from)).collect()
}

async fn echo(stream: Io) {
    let (read, mut write) = stream.split();
    if futures::io::copy(read, &mut write).await.is_ok() {
        let _ = write.close().await;
    }
}
