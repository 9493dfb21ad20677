//! A server on loopback that answers what a test wants, down to the last byte of the wire.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use waxseal_core::{Digest, Repository};
use waxseal_oci::registry::Retries;
use waxseal_oci::{Client, ClientOptions, ErrorKind, Look, Registry};

pub(crate) const INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// Path and query.
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn authorization(&self) -> &str {
        self.header("authorization").unwrap_or("")
    }

    pub(crate) fn is(&self, method: &str, part: &str) -> bool {
        self.method == method && self.target.contains(part)
    }
}

pub(crate) enum Body {
    Whole(Vec<u8>),
    /// Announces so many bytes, sends these, and closes.
    Announced(u64, Vec<u8>),
    /// Chunks without end.
    Endless,
    /// These bytes, then nothing, with the connection open.
    Stalled(u64, Vec<u8>),
    /// No answer at all.
    Hangup,
}

pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Body,
}

pub(crate) fn reply(status: u16) -> Reply {
    Reply { status, headers: Vec::new(), body: Body::Whole(Vec::new()) }
}

impl Reply {
    pub(crate) fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    pub(crate) fn body(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.body = Body::Whole(bytes.into());
        self
    }

    pub(crate) fn with(mut self, body: Body) -> Self {
        self.body = body;
        self
    }

    pub(crate) fn typed(self, media_type: &str) -> Self {
        self.header("Content-Type", media_type)
    }
}

type Tls = Arc<Mutex<Option<tokio_rustls::TlsAcceptor>>>;
type Log = Arc<Mutex<Vec<Request>>>;

pub(crate) struct Stub {
    pub(crate) port: u16,
    log: Log,
    tls: Tls,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Stub {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Stub {
    pub(crate) async fn start(answer: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        Self::serve(answer, None).await
    }

    pub(crate) async fn start_tls(
        server: tokio_rustls::rustls::ServerConfig,
        answer: impl Fn(&Request) -> Reply + Send + Sync + 'static,
    ) -> Self {
        Self::serve(answer, Some(tokio_rustls::TlsAcceptor::from(Arc::new(server)))).await
    }

    async fn serve(
        answer: impl Fn(&Request) -> Reply + Send + Sync + 'static,
        tls: Option<tokio_rustls::TlsAcceptor>,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let log = Log::default();
        let answer = Arc::new(answer);
        let tls: Tls = Arc::new(Mutex::new(tls));
        let task = tokio::spawn({
            let (log, tls) = (Arc::clone(&log), Arc::clone(&tls));
            async move {
                loop {
                    let (socket, _): (TcpStream, _) = listener.accept().await.unwrap();
                    let (log, answer) = (Arc::clone(&log), Arc::clone(&answer));
                    let tls = tls.lock().unwrap().clone();
                    tokio::spawn(async move {
                        match tls {
                            None => talk(socket, &log, &*answer).await,
                            Some(tls) => match tls.accept(socket).await {
                                Ok(socket) => talk(socket, &log, &*answer).await,
                                Err(_) => None,
                            },
                        }
                    });
                }
            }
        });
        Self { port, log, tls, task }
    }

    /// From now on answers in the clear.
    pub(crate) fn stop_tls(&self) {
        *self.tls.lock().unwrap() = None;
    }

    pub(crate) fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub(crate) fn repository(&self) -> Repository {
        format!("{}/team/app", self.host()).parse().unwrap()
    }

    pub(crate) fn registry(&self) -> Registry {
        self.registry_with(|_| {})
    }

    pub(crate) fn registry_with(&self, change: impl FnOnce(&mut ClientOptions)) -> Registry {
        client(change).repository(&self.repository())
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.log.lock().unwrap().clone()
    }

    /// The requests in short: `GET /v2/...`.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.requests().iter().map(|request| format!("{} {}", request.method, request.target)).collect()
    }

    pub(crate) fn count(&self, method: &str, part: &str) -> usize {
        self.requests().iter().filter(|request| request.is(method, part)).count()
    }
}

pub(crate) fn options() -> ClientOptions {
    let mut options = ClientOptions::default();
    options.retries = Retries::new(2, Duration::from_millis(1));
    options.deadline = Duration::from_secs(20);
    options
}

pub(crate) fn client(change: impl FnOnce(&mut ClientOptions)) -> Client {
    let mut options = options();
    change(&mut options);
    Client::new(options).unwrap()
}

/// Serves one connection. None: it ended early.
async fn talk<S: AsyncRead + AsyncWrite + Unpin>(
    mut socket: S,
    log: &Log,
    answer: &(dyn Fn(&Request) -> Reply + Send + Sync),
) -> Option<()> {
    let Some(request) = read_request(&mut socket).await else {
        let _ = socket.write_all(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n").await;
        return None;
    };
    log.lock().unwrap().push(request.clone());
    let reply = answer(&request);
    let mut head = format!("HTTP/1.1 {} X\r\nConnection: close\r\n", reply.status);
    for (name, value) in &reply.headers {
        write!(head, "{name}: {value}\r\n").unwrap();
    }
    let silent = request.method == "HEAD" || reply.status == 304;
    match reply.body {
        Body::Whole(bytes) => {
            if !reply.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-length")) {
                write!(head, "Content-Length: {}\r\n", bytes.len()).unwrap();
            }
            socket.write_all(format!("{head}\r\n").as_bytes()).await.ok()?;
            if !silent {
                socket.write_all(&bytes).await.ok()?;
            }
        }
        Body::Announced(length, bytes) => {
            socket.write_all(format!("{head}Content-Length: {length}\r\n\r\n").as_bytes()).await.ok()?;
            socket.write_all(&bytes).await.ok()?;
        }
        Body::Endless => {
            socket.write_all(format!("{head}Transfer-Encoding: chunked\r\n\r\n").as_bytes()).await.ok()?;
            let chunk = [&b"10000\r\n"[..], &vec![b' '; 0x10000], b"\r\n"].concat();
            loop {
                socket.write_all(&chunk).await.ok()?;
            }
        }
        Body::Stalled(length, bytes) => {
            socket.write_all(format!("{head}Content-Length: {length}\r\n\r\n").as_bytes()).await.ok()?;
            socket.write_all(&bytes).await.ok()?;
            socket.flush().await.ok()?;
            std::future::pending::<()>().await;
        }
        Body::Hangup => return Some(()),
    }
    socket.flush().await.ok()?;
    socket.shutdown().await.ok()
}

async fn read_request<S: AsyncRead + Unpin>(socket: &mut S) -> Option<Request> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(socket.read_u8().await.ok()?);
        if !head[0].is_ascii_uppercase() {
            return None;
        }
    }
    let head = String::from_utf8(head).unwrap();
    let mut lines = head.lines();
    let mut first = lines.next()?.split(' ');
    let (method, target) = (first.next()?.to_owned(), first.next()?.to_owned());
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let mut request = Request { method, target, headers, body: Vec::new() };
    if let Some(length) = request.header("content-length") {
        let mut body = vec![0; length.parse().unwrap()];
        socket.read_exact(&mut body).await.ok()?;
        request.body = body;
    } else if request.header("transfer-encoding").is_some() {
        loop {
            let mut line = Vec::new();
            while !line.ends_with(b"\r\n") {
                line.push(socket.read_u8().await.ok()?);
            }
            let size = usize::from_str_radix(std::str::from_utf8(&line).unwrap().trim(), 16).unwrap();
            let mut chunk = vec![0; size + 2];
            socket.read_exact(&mut chunk).await.ok()?;
            request.body.extend_from_slice(&chunk[..size]);
            if size == 0 {
                break;
            }
        }
    }
    Some(request)
}

/// The kind of error of an unreadable look; a panic for every other outcome.
pub(crate) fn unreadable<T: std::fmt::Debug>(look: Look<T>) -> ErrorKind {
    match look {
        Look::Unreadable(error) => error.kind(),
        other => panic!("expected an unreadable outcome, found {other:?}"),
    }
}

pub(crate) fn found<T: std::fmt::Debug>(look: Look<T>) -> T {
    match look {
        Look::Found(found) => found,
        other => panic!("expected something found, got {other:?}"),
    }
}

/// The whole text of an error: what `Display` and `Debug` show of it and of everything behind it.
pub(crate) fn whole_text(error: &waxseal_oci::Error) -> String {
    let mut text = format!("{error} {error:?}");
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        write!(text, " {error} {error:?}").unwrap();
        source = error.source();
    }
    text
}

pub(crate) fn digest(bytes: impl AsRef<[u8]>) -> Digest {
    Digest::of(bytes)
}
