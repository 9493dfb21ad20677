//! TLS: which certificates are believed, and when plain http is spoken (rule C2, T-57).

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};
use waxseal_core::Repository;
use waxseal_core::reference::Tag;
use waxseal_oci::registry::{ClientIdentity, PlainHttp};
use waxseal_oci::{ClientOptions, ErrorKind, Secret, Which};

use crate::stub::{Reply, Request, Stub, client, found, reply, unreadable};

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

/// A registry that leads elsewhere with what it is asked for, or asks for a token there.
async fn leading(server: ServerConfig, elsewhere: &Stub, by_token: bool) -> Stub {
    let address = format!("https://{}", elsewhere.host());
    Stub::start_tls(server, move |request: &Request| match by_token {
        true if request.authorization() == "Bearer good" => reply(200).body("{}"),
        true => reply(401).header("WWW-Authenticate", format!("Bearer realm=\"{address}/token\"")),
        false => reply(307).header("Location", format!("{address}/elsewhere")),
    })
    .await
}

fn token_or_manifest(request: &Request) -> Reply {
    let is_token = request.target.starts_with("/token");
    reply(200).body(if is_token { r#"{"token":"good"}"# } else { "{}" })
}

type Set<'a> = &'a dyn Fn(&mut ClientOptions);

#[tokio::test]
async fn what_is_set_for_a_registry_does_not_hold_where_it_leads() {
    provider();
    let (ours, theirs) = (Authority::new(), Authority::new());
    let (_, pem, key) = ours.leaf("client");
    let trusting = |options: &mut ClientOptions| options.ca_certificates.push(ours.pem());
    let insecure = |options: &mut ClientOptions| options.allow_insecure = true;
    let named = |options: &mut ClientOptions| {
        trusting(options);
        options.server_name = Some("r.example".to_owned());
    };
    let known = |options: &mut ClientOptions| {
        trusting(options);
        options.client_identity = Some(ClientIdentity::new(pem.clone(), Secret::new(key.serialize_pem())));
    };
    // What is set, the registry, where it leads, and whether that is reached.
    let cases: [(&str, Set<'_>, ServerConfig, ServerConfig, bool); 8] = [
        ("authority", &trusting, ours.server("127.0.0.1"), ours.server("127.0.0.1"), true),
        ("authority", &trusting, ours.server("127.0.0.1"), theirs.server("127.0.0.1"), false),
        ("insecure", &insecure, ours.server("r.example"), ours.server("127.0.0.1"), false),
        ("insecure", &insecure, ours.server("r.example"), theirs.server("r.example"), false),
        ("server name", &named, ours.server("r.example"), ours.server("127.0.0.1"), true),
        ("server name", &named, ours.server("r.example"), ours.server("r.example"), false),
        ("client", &known, ours.server_for_clients("127.0.0.1"), ours.server("127.0.0.1"), true),
        ("client", &known, ours.server_for_clients("127.0.0.1"), ours.server_for_clients("127.0.0.1"), false),
    ];
    for (what, set, server, elsewhere, reached) in cases {
        for by_token in [false, true] {
            let elsewhere = Stub::start_tls(elsewhere.clone(), token_or_manifest).await;
            let stub = leading(server.clone(), &elsewhere, by_token).await;
            let looked = stub.registry_with(set).manifest(&which()).await;
            assert!(!stub.requests().is_empty(), "{what} {by_token}: the registry itself was not reached");
            if reached {
                found(looked);
            } else {
                let kind = unreadable(looked);
                assert!(matches!(kind, ErrorKind::Tls | ErrorKind::Transport), "{what} {by_token}: {kind:?}");
            }
            assert_eq!(elsewhere.requests().len(), usize::from(reached), "{what} {by_token}");
        }
    }
    // At its own origin, a registry may lead where it likes.
    let own = Stub::start_tls(ours.server("r.example"), |request| match request.target.as_str() {
        "/elsewhere" => reply(200).body("{}"),
        _ => reply(307).header("Location", "/elsewhere"),
    })
    .await;
    found(own.registry_with(insecure).manifest(&which()).await);
}

#[tokio::test]
async fn a_download_goes_by_nothing_that_is_set_for_a_registry() {
    provider();
    let authority = Authority::new();
    let (_, pem, key) = authority.leaf("client");
    let stub = secure(authority.server("127.0.0.1")).await;
    let address = format!("https://{}/key.pub", stub.host());
    let set: [Set<'_>; 3] = [
        &|options| options.ca_certificates.push(authority.pem()),
        &|options| options.allow_insecure = true,
        &|options| {
            options.allow_insecure = true;
            options.server_name = Some("r.example".to_owned());
            options.client_identity =
                Some(ClientIdentity::new(pem.clone(), Secret::new(key.serialize_pem())));
        },
    ];
    for set in set {
        let error = client(set).download(&address, 100).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Tls);
    }
    assert_eq!(stub.count("GET", "key.pub"), 0);
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
