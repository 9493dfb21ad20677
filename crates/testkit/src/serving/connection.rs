//! The connections: plain or TLS, and each with a switch by which an answer can break it.
//!
//! The registry's HTTP is that of a library which never lies. Where a test wants a connection to end before an
//! answer, or an answer that no library would write, the bytes are changed here, below HTTP.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use bytes::{Buf as _, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// One connection, as its requests know it: they may end it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Connection(Arc<Mutex<Mode>>);

#[derive(Debug, Default)]
enum Mode {
    #[default]
    Honest,
    /// What HTTP writes next is thrown away and the connection reset.
    Reset,
    /// What HTTP writes next is thrown away, and these bytes are written in its place.
    Raw(Bytes),
    /// The raw bytes are written: the connection is over.
    Over,
}

impl Connection {
    pub(crate) fn reset(&self) {
        *self.0.lock().unwrap() = Mode::Reset;
    }

    pub(crate) fn raw(&self, bytes: Bytes) {
        *self.0.lock().unwrap() = Mode::Raw(bytes);
    }
}

impl Connected<IncomingStream<'_, Doors>> for Connection {
    fn connect_info(stream: IncomingStream<'_, Doors>) -> Self {
        stream.remote_addr().clone()
    }
}

/// The listener: handshakes run beside each other, so that a client that stalls holds up nobody.
pub(crate) struct Doors {
    incoming: mpsc::Receiver<Wire>,
}

impl Doors {
    pub(crate) fn open(listener: TcpListener, tls: Option<TlsAcceptor>) -> Self {
        let (sender, incoming) = mpsc::channel(64);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let sender = sender.clone();
                let tls = tls.clone();
                tokio::spawn(async move {
                    // Small answers must not wait for the acknowledgement of the one before.
                    let _ = stream.set_nodelay(true);
                    let stream = match tls {
                        None => Stream::Plain(stream),
                        Some(tls) => match tls.accept(stream).await {
                            Ok(stream) => Stream::Tls(Box::new(stream)),
                            Err(_) => return,
                        },
                    };
                    let _ = sender.send(Wire { stream, connection: Connection::default() }).await;
                });
            }
        });
        Self { incoming }
    }
}

impl Listener for Doors {
    type Io = Wire;
    type Addr = Connection;

    async fn accept(&mut self) -> (Wire, Connection) {
        match self.incoming.recv().await {
            Some(wire) => {
                let connection = wire.connection.clone();
                (wire, connection)
            }
            None => core::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<Connection> {
        Ok(Connection::default())
    }
}

/// The bytes of one connection.
pub(crate) struct Wire {
    stream: Stream,
    connection: Connection,
}

enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Stream {
    fn tcp(&self) -> &TcpStream {
        match self {
            Self::Plain(stream) => stream,
            Self::Tls(stream) => stream.get_ref().0,
        }
    }

    fn write(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self {
            Self::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Stream::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let connection = self.connection.clone();
        let mut mode = connection.0.lock().unwrap();
        match &mut *mode {
            Mode::Honest => self.stream.write(context, bytes),
            Mode::Over => Poll::Ready(Ok(bytes.len())),
            Mode::Reset => {
                let _ = self.stream.tcp().set_zero_linger();
                Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()))
            }
            Mode::Raw(raw) => {
                while raw.has_remaining() {
                    let written = ready!(self.stream.write(context, raw))?;
                    raw.advance(written);
                }
                *mode = Mode::Over;
                Poll::Ready(Ok(bytes.len()))
            }
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_flush(context),
            Stream::Tls(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Stream::Tls(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}
