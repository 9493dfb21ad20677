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
