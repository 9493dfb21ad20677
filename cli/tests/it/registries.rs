//! The flags about registries: whom they hold for, and whom not.

use waxseal_testkit::{Behaviour, Match, Registry, fixtures};

use crate::room::{Room, SECRET, image, oci, pushed};

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
fn credentials_from_flags_are_for_one_registry() {
    let (ours, theirs) = (Registry::start().with_basic("robot", SECRET), Registry::start());
    pushed(&ours, "app");
    pushed(&theirs, "app");
    let (own, foreign) = (ours.image("app", "1.0"), theirs.image("app", "1.0"));
    let signatures = format!("{}/signatures", theirs.host());
    let room = Room::new().variable("WAXSEAL_REGISTRY_PASSWORD", SECRET);
    room.keys("p256");
    let user = ["--registry-username", "robot"];
    let token = ["--registry-token", SECRET];
    for credentials in [user, token] {
        for line in [
            &["verify", "--key", "p256.pub", &own, &foreign][..],
            &["sign", "--key", "p256.key", "--password-file", "p256.password", &own, &foreign],
            &["copy", &own, &foreign],
            &["doctor", &own, "--write", "--second-repository", &signatures],
            &["tree", &own, "--signature-repository", &signatures],
            &["attach", "signature", "--key", "p256.pub", "--bundle", "p256.pub", &own]
                .iter()
                .chain(&["--signature-repository", &signatures])
                .copied()
                .collect::<Vec<_>>(),
        ] {
            let mut arguments = line.to_vec();
            arguments.extend(credentials);
            room.run(&arguments).ends(2).prints_nothing().says_each(&[
                "different registries",
                &ours.host(),
                &theirs.host(),
                "waxseal login",
            ]);
        }
    }
    // The same by the variable of a token.
    let with_token = Room::new().variable("WAXSEAL_REGISTRY_TOKEN", SECRET);
    with_token.run(&["copy", &own, &foreign]).ends(2).says("WAXSEAL_REGISTRY_TOKEN");
    assert_eq!((ours.lines(), theirs.lines()), (Vec::new(), Vec::new()));
    // Several names of one registry, and names that stand in none, are one.
    let layout = oci(&room.path("layout"), "1.0");
    let there = format!("{}/signatures", ours.host());
    let ok = |line: &[&str]| {
        let mut arguments = line.to_vec();
        arguments.extend(user);
        room.ok(&arguments);
    };
    ok(&["copy", &own, &ours.image("copy", "1.0")]);
    ok(&["copy", &own, &layout]);
    ok(&["tree", &own, "--signature-repository", &there]);
    ok(&["sign", "--key", "p256.key", "--password-file", "p256.password", &own]);
    ok(&["verify", "--key", "p256.pub", &own, &own]);
    // Without credentials from flags, any two will do.
    room.run(&["tree", &foreign, "--signature-repository", &there]).ends(3);
}

#[test]
fn a_flag_that_was_typed_wins_over_a_variable() {
    let open = Registry::start();
    let closed = Registry::start().with_basic("robot", SECRET);
    let (public, name) = (image(&open), image(&closed));
    let user = ["--registry-username", "robot"];
    let password_stdin = "--registry-password-stdin";
    for (variable, value) in [
        ("WAXSEAL_REGISTRY_PASSWORD", "canary-other"),
        ("WAXSEAL_REGISTRY_TOKEN", "canary-other"),
        ("COSIGN_REGISTRY_PASSWORD", "canary-other"),
        ("COSIGN_REGISTRY_TOKEN", "canary-other"),
        ("WAXSEAL_REGISTRY_PASSWORD", ""),
        ("WAXSEAL_REGISTRY_TOKEN", ""),
    ] {
        let room = Room::new().variable(variable, value);
        // Alone, it is in nobody's way.
        room.run(&["tree", &public]).ends(0);
        room.pipe(SECRET, &["tree", &name, user[0], user[1], password_stdin]).ends(0);
        room.run(&["tree", &name, user[0], user[1], "--registry-password", SECRET]).ends(0);
        // What is no token of that registry is refused by it, not by the parser.
        room.run(&["tree", &name, "--registry-token", "canary-token"]).ends(3);
    }
    let room = Room::new().variable("WAXSEAL_REGISTRY_PASSWORD", SECRET);
    room.run(&["tree", &name, user[0], user[1]]).ends(0);
    room.run(&["tree", &name]).ends(3).says("registry-unauthorized");
    // What was typed has to make sense.
    let room = Room::new();
    for (flags, words) in [
        (&["--registry-password", SECRET][..], "needs --registry-username"),
        (&[password_stdin], "needs --registry-username"),
        (&user, "needs a password"),
        (&[user[0], user[1], "--registry-password", SECRET, password_stdin], "given twice"),
        (&[user[0], user[1], "--registry-token", SECRET], "give one of them"),
        (&["--registry-password", SECRET, "--registry-token", SECRET], "give one of them"),
        (&[password_stdin, "--registry-token", SECRET], "give one of them"),
    ] {
        let mut arguments = vec!["tree", &name];
        arguments.extend(flags);
        room.run(&arguments).ends(2).says(words);
    }
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
