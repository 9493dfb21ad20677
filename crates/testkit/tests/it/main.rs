//! The registry and the platform of Xray as a client sees them: the protocol, the access control, and each lie, beside its
//! honest neighbour.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests end at the line that found something"
)]

mod access;
mod lies;
mod protocol;
mod tls;
mod xray;

use reqwest::{Client, Method, RequestBuilder, Response};
use waxseal_testkit::Registry;

/// A client that follows nothing and asks no proxy.
fn client() -> Client {
    Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build().unwrap()
}

fn request(registry: &Registry, method: &str, path: &str) -> RequestBuilder {
    let url = if path.starts_with("http") { path.to_owned() } else { registry.url(path) };
    client().request(Method::from_bytes(method.as_bytes()).unwrap(), url)
}

async fn get(registry: &Registry, path: &str) -> Response {
    request(registry, "GET", path).send().await.unwrap()
}

async fn status(request: RequestBuilder) -> u16 {
    request.send().await.unwrap().status().as_u16()
}

fn header(response: &Response, name: &str) -> String {
    response.headers().get(name).map_or("", |value| value.to_str().unwrap()).to_owned()
}

async fn json(response: Response) -> serde_json::Value {
    serde_json::from_slice(&response.bytes().await.unwrap()).unwrap()
}

/// The code of an error body.
async fn code(response: Response) -> (u16, String) {
    let status = response.status().as_u16();
    (status, json(response).await["errors"][0]["code"].as_str().unwrap().to_owned())
}
