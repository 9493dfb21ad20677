//! The flags about registries: whom they hold for, and whom not.

use waxseal_testkit::{Behaviour, Match, Registry, fixtures};

use crate::room::{Room, SECRET, image};

#[test]
fn the_server_of_a_key_goes_by_nothing_that_was_said_of_a_registry() {
    let (room, registry) = (Room::new(), Registry::start());
    let name = image(&registry);
    room.sign("p256", &name, &[]);
    let keys = Registry::start_tls();
    let body = fixtures::public_key_pem("p256").into();
    keys.rule(Match::get("/key.pub"), Behaviour::Status { code: 200, headers: Vec::new(), body });
    let authority = room.write("ca.pem", keys.ca_pem());
    let address = keys.url("/key.pub");
    for flags in [&[][..], &["--allow-insecure-registry"], &["--registry-cacert", &authority]] {
        let mut arguments = vec!["verify", "--key", &address];
        arguments.extend(flags);
        arguments.push(&name);
        room.run(&arguments).ends(3).prints_nothing().says_each(&["[tls]", "SSL_CERT_FILE"]);
    }
    assert_eq!(keys.lines(), [""; 0]);
    let room = room.variable("SSL_CERT_FILE", authority);
    room.run(&["verify", "--key", &address, &name]).ends(0);
    assert_eq!(keys.lines().len(), 1);
}

#[test]
fn a_password_on_standard_input_is_read_by_one_rule() {
    let registry = Registry::start().with_basic("robot", SECRET);
    let name = image(&registry);
    let room = Room::new();
    let tree = ["tree", &name, "--registry-username", "robot", "--registry-password-stdin"];
    let login = ["login", &registry.host(), "-u", "robot", "--password-stdin"];
    for line in [&tree, &login] {
        for end in ["", "\n", "\r\n"] {
            room.pipe(format!("{SECRET}{end}"), line).ends(0);
        }
        // One line end is none of the password; a second one is.
        room.pipe(format!("{SECRET}\n\n"), line).says("registry-unauthorized");
        room.run(line).ends(4).says("none was given");
        room.pipe("\n", line).ends(4).says("password is empty");
        room.pipe(vec![b'x'; 1 << 20], line).ends(4).says("too long");
    }
}

#[test]
fn a_file_of_certificates_is_read_whole_or_not_at_all() {
    let registry = Registry::start_tls();
    let name = image(&registry);
    let room = Room::new();
    let most = 4 << 20;
    for (bytes, code) in [(most, 0), (most + 1, 4)] {
        let mut authority = registry.ca_pem().as_bytes().to_vec();
        authority.resize(bytes, b'\n');
        let file = room.write("ca.pem", &authority);
        let run = room.run(&["tree", &name, "--registry-cacert", &file]).ends(code);
        assert_eq!(run.stderr.contains("too large for certificates"), code == 4, "{run}");
    }
    // The same for the certificate and the key of the client.
    let registry = Registry::start_mutual_tls();
    let name = image(&registry);
    let authority = room.write("ca.pem", registry.ca_pem());
    let (certificate, key) = registry.client_pem();
    for (certificate_bytes, key_bytes, code) in [(most, most, 0), (most + 1, most, 4), (most, most + 1, 4)] {
        let padded = |name: &str, text: &str, bytes: usize| {
            let mut text = text.as_bytes().to_vec();
            text.resize(bytes, b'\n');
            room.write(name, text)
        };
        let certificate = padded("home/client.pem", certificate, certificate_bytes);
        let key = padded("home/client.key", key, key_bytes);
        let mut arguments = vec!["tree", &name, "--registry-cacert", &authority];
        arguments.extend(["--registry-client-cert", &certificate, "--registry-client-key", &key]);
        room.run(&arguments).ends(code);
    }
}
