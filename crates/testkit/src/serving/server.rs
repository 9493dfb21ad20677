//! The thread that serves, and the way of an answer to the client.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Response, StatusCode};
use bytes::Bytes;
use futures_util::stream;
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;

use super::answer::{Answer, Delivery};
use super::connection::{Connection, Doors};

/// The largest body that is taken, in bytes: more than any test sends.
pub(crate) const BODY_BYTES: usize = 512 << 20;

/// The thread. It ends, and every connection with it, when this is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Server {
    pub(crate) fn start(router: Router, tls: Option<TlsAcceptor>) -> Self {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port on loopback");
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                let service = router.into_make_service_with_connect_info::<Connection>();
                tokio::select! {
                    ended = axum::serve(Doors::open(listener, tls), service) => ended.unwrap(),
                    _ = stopped => (),
                }
            });
        });
        Self { address, stop: Some(stop), thread: Some(thread) }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Waits.
pub(crate) async fn pause(time: Duration) {
    if !time.is_zero() {
        tokio::time::sleep(time).await;
    }
}

/// Sends an answer as it is to be delivered.
pub(crate) fn send(
    mut answer: Answer,
    method: &axum::http::Method,
    connection: &Connection,
) -> Response<Body> {
    let delivery = core::mem::replace(&mut answer.delivery, Delivery::Whole);
    match &delivery {
        Delivery::Raw(bytes) => connection.raw(bytes.clone()),
        Delivery::LengthLie(length) => {
            answer.set("Content-Length", length);
            connection.raw(raw(&answer, method));
        }
        Delivery::Reset => connection.reset(),
        _ => {}
    }
    let whole = answer.body.clone();
    let body = match delivery {
        // What HTTP makes of this is thrown away: the connection writes something else, and ends.
        Delivery::Raw(_) | Delivery::LengthLie(_) | Delivery::Reset => {
            answer.remove("Content-Length");
            answer.set("Connection", "close");
            Body::empty()
        }
        Delivery::Endless if method != axum::http::Method::HEAD => Body::from_stream(endless(whole)),
        delivery => {
            if answer.get("Content-Length").is_none() && answer.status != 204 {
                answer.set("Content-Length", whole.len());
            }
            match delivery {
                _ if method == axum::http::Method::HEAD => Body::empty(),
                Delivery::TruncateAt(at) => Body::from_stream(truncated(whole.slice(..at.min(whole.len())))),
                Delivery::Slow(interval) => Body::from_stream(slow(whole, interval)),
                _ => Body::from(whole),
            }
        }
    };
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(answer.status).expect("a status of three digits");
    for (name, value) in &answer.headers {
        let name: HeaderName = name.parse().expect("the name of a header");
        let value = HeaderValue::from_bytes(value.as_bytes()).expect("the value of a header");
        response.headers_mut().append(name, value);
    }
    response
}

fn raw(answer: &Answer, method: &axum::http::Method) -> Bytes {
    let mut head = format!("HTTP/1.1 {} As asked for\r\n", answer.status);
    for (name, value) in &answer.headers {
        head.extend([name, ": ", value, "\r\n"]);
    }
    head.push_str("Connection: close\r\n\r\n");
    let body: &[u8] = if method == axum::http::Method::HEAD { b"" } else { &answer.body };
    [head.as_bytes(), body].concat().into()
}

fn truncated(part: Bytes) -> impl futures_util::Stream<Item = std::io::Result<Bytes>> {
    stream::unfold(Some(part), |part| async move {
        if let Some(part) = part {
            return Some((Ok(part), None));
        }
        // The pause lets what was written so far leave before the error ends the connection.
        tokio::time::sleep(Duration::from_millis(5)).await;
        Some((Err(std::io::ErrorKind::UnexpectedEof.into()), None))
    })
}

fn endless(first: Bytes) -> impl futures_util::Stream<Item = std::io::Result<Bytes>> {
    stream::unfold(Some(first), |first| async move {
        let part = first.unwrap_or_else(|| Bytes::from_static(&[b' '; 8192]));
        Some((Ok(part), None))
    })
}

fn slow(bytes: Bytes, interval: Duration) -> impl futures_util::Stream<Item = std::io::Result<Bytes>> {
    stream::unfold(bytes, move |mut bytes| async move {
        if bytes.is_empty() {
            return None;
        }
        tokio::time::sleep(interval).await;
        let byte = bytes.split_to(1);
        Some((Ok(byte), bytes))
    })
}
