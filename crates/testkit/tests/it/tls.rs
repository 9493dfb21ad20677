//! https, with and without a client certificate.

use reqwest::{Certificate, Client, Identity};
use waxseal_testkit::Registry;

fn trusting(registry: &Registry) -> reqwest::ClientBuilder {
    let authority = Certificate::from_pem(registry.ca_pem().as_bytes()).unwrap();
    Client::builder().tls_certs_only([authority]).no_proxy()
}

#[tokio::test]
async fn its_authority_and_no_other_is_trusted() {
    let registry = Registry::start_tls();
    let client = trusting(&registry).build().unwrap();
    let answer = client.get(registry.url("/v2/")).send().await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.version()), (200, reqwest::Version::HTTP_2));
    let named = registry.url("/v2/").replace("127.0.0.1", "localhost");
    assert!(client.get(named).send().await.is_ok());
    let other = trusting(&Registry::start_tls()).build().unwrap();
    assert!(other.get(registry.url("/v2/")).send().await.is_err());
}

#[tokio::test]
async fn a_client_certificate_is_asked_for() {
    let registry = Registry::start_mutual_tls();
    let without = trusting(&registry).build().unwrap();
    assert!(without.get(registry.url("/v2/")).send().await.is_err());
    let (certificate, key) = registry.client_pem();
    let identity = Identity::from_pem(format!("{certificate}{key}").as_bytes()).unwrap();
    let with = trusting(&registry).identity(identity).build().unwrap();
    assert!(with.get(registry.url("/v2/")).send().await.is_ok());
}
