//! TLS: which certificates are believed, and when plain http is spoken (rule C2, T-57).

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};
use waxseal_core::Repository;
use waxseal_core::reference::Tag;
use waxseal_oci::registry::{ClientIdentity, PlainHttp};
use waxseal_oci::{ErrorKind, Secret, Which};

use crate::stub::{Stub, client, found, reply, unreadable};

struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self { issuer: CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap() }
    }

    fn pem(&self) -> Vec<u8> {
        self.issuer.pem().into_bytes()
    }

    fn leaf(&self, name: &str) -> (CertificateDer<'static>, String, KeyPair) {
        let key = KeyPair::generate().unwrap();
        let certificate =
            CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, &self.issuer).unwrap();
        (certificate.der().clone(), certificate.pem(), key)
    }

    fn server(&self, name: &str) -> ServerConfig {
        let (certificate, _, key) = self.leaf(name);
        ServerConfig::builder().with_no_client_auth().with_single_cert(vec![certificate], der(&key)).unwrap()
    }

    fn server_for_clients(&self, name: &str) -> ServerConfig {
        let (certificate, _, key) = self.leaf(name);
        let mut roots = RootCertStore::empty();
        roots.add(self.issuer.der().clone()).unwrap();
        let verifier = WebPkiClientVerifier::builder(Arc::new(roots)).build().unwrap();
        ServerConfig::builder()
            .with_client_cert_verifier(verifier)
            .with_single_cert(vec![certificate], der(&key))
            .unwrap()
    }
}

fn der(key: &KeyPair) -> PrivateKeyDer<'static> {
    PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()))
}

fn which() -> Which {
    Which::Tag("v1".parse::<Tag>().unwrap())
}

fn provider() {
    // The server's side needs one; the client brings its own.
    let _ = tokio_rustls::rustls::crypto::aws_lc_rs::default_provider().install_default();
}

async fn secure(server: ServerConfig) -> Stub {
    Stub::start_tls(server, |_| reply(200).body("{}")).await
}

#[tokio::test]
async fn believes_the_authority_that_it_was_given() {
    provider();
    let (ours, theirs) = (Authority::new(), Authority::new());
    let stub = secure(ours.server("127.0.0.1")).await;
    found(stub.registry_with(|options| options.ca_certificates.push(ours.pem())).manifest(&which()).await);
    let both = [theirs.pem(), ours.pem()].concat();
    found(stub.registry_with(|options| options.ca_certificates.push(both)).manifest(&which()).await);
    let other = stub.registry_with(|options| options.ca_certificates.push(theirs.pem()));
    assert_eq!(unreadable(other.manifest(&which()).await), ErrorKind::Tls);
    let wrong_name = secure(ours.server("r.example")).await;
    let registry = wrong_name.registry_with(|options| options.ca_certificates.push(ours.pem()));
    assert_eq!(unreadable(registry.manifest(&which()).await), ErrorKind::Tls);
    let insecure = wrong_name.registry_with(|options| options.allow_insecure = true);
    found(insecure.manifest(&which()).await);
}

#[tokio::test]
async fn the_server_name_takes_the_place_of_the_host() {
    provider();
    let authority = Authority::new();
    let stub = secure(authority.server("r.example")).await;
    let named = |name: &str| {
        let name = name.to_owned();
        stub.registry_with(|options| {
            options.ca_certificates.push(authority.pem());
            options.server_name = Some(name);
        })
    };
    found(named("r.example").manifest(&which()).await);
    assert_eq!(stub.requests()[0].header("host"), Some(stub.host().as_str()));
    assert_eq!(unreadable(named("s.example").manifest(&which()).await), ErrorKind::Tls);
}

#[tokio::test]
async fn shows_a_client_certificate() {
    provider();
    let authority = Authority::new();
    let stub = secure(authority.server_for_clients("127.0.0.1")).await;
    let (_, pem, key) = authority.leaf("client");
    let shown = stub.registry_with(|options| {
        options.ca_certificates.push(authority.pem());
        options.client_identity = Some(ClientIdentity::new(pem, Secret::new(key.serialize_pem())));
    });
    found(shown.manifest(&which()).await);
    let without = stub.registry_with(|options| options.ca_certificates.push(authority.pem()));
    assert!(matches!(unreadable(without.manifest(&which()).await), ErrorKind::Tls | ErrorKind::Transport));
}

#[tokio::test]
async fn loopback_speaks_http_unless_tls_is_set_up() {
    provider();
    let plain = Stub::start(|_| reply(200).body("{}")).await;
    found(plain.registry().manifest(&which()).await);
    let authority = Authority::new();
    let strict = plain.registry_with(|options| options.ca_certificates.push(authority.pem()));
    assert_eq!(unreadable(strict.manifest(&which()).await), ErrorKind::Tls);
    // `--allow-insecure-registry` takes whichever is spoken.
    found(plain.registry_with(|options| options.allow_insecure = true).manifest(&which()).await);
    let tls = secure(authority.server("r.example")).await;
    let insecure = tls.registry_with(|options| options.allow_insecure = true);
    found(insecure.manifest(&which()).await);
    assert_eq!(tls.requests().len(), 1);
}

#[tokio::test]
async fn a_registry_that_spoke_tls_has_to_go_on() {
    provider();
    let authority = Authority::new();
    let tls = secure(authority.server("r.example")).await;
    let registry = tls.registry_with(|options| options.allow_insecure = true);
    found(registry.manifest(&which()).await);
    // Somebody else takes its place and speaks http.
    tls.stop_tls();
    assert_eq!(unreadable(registry.manifest(&which()).await), ErrorKind::Tls);
    assert_eq!(tls.requests().len(), 1, "no request went out in the clear");
    // Whoever comes fresh takes what is spoken.
    found(tls.registry_with(|options| options.allow_insecure = true).manifest(&which()).await);
}

#[tokio::test]
async fn other_hosts_speak_http_only_where_it_was_allowed() {
    // No such host: what matters is which scheme the error names.
    let repository: Repository = "registry.invalid:5000/team/app".parse().unwrap();
    let scheme = |plain: PlainHttp| {
        let repository = repository.clone();
        async move {
            let registry = client(|options| {
                options.plain_http = plain;
                options.retries.most = 0;
                options.offline = true;
            })
            .repository(&repository);
            let error = registry.manifest(&which()).await.required(String::new).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Offline);
            error.to_string().split("://").next().unwrap().to_owned()
        }
    };
    assert_eq!(scheme(PlainHttp::Loopback).await, "https");
    assert_eq!(scheme(PlainHttp::Every).await, "https", "TLS is tried first");
    assert_eq!(scheme(PlainHttp::Named(vec!["registry.invalid:5000".to_owned()])).await, "http");
    assert_eq!(scheme(PlainHttp::Named(vec!["registry.invalid".to_owned()])).await, "https");
    assert_eq!(scheme(PlainHttp::Named(vec!["invalid:5000".to_owned()])).await, "https");
}
