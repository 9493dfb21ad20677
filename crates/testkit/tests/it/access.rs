//! Challenges and tokens.

use waxseal_testkit::{Behaviour, ImageBuilder, Match, Registry};

use crate::{get, header, json, request, status};

const PATH: &str = "/v2/app/manifests/1.0";

fn with_image(registry: Registry) -> Registry {
    ImageBuilder::new().build().push_to(&registry, "app", "1.0");
    registry
}

async fn token(registry: &Registry, scope: &str) -> String {
    let path = format!("/token?service=waxseal-testkit&scope={scope}");
    let answer = request(registry, "GET", &path).basic_auth("robot", Some("example")).send().await.unwrap();
    json(answer).await["token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn basic_wants_exactly_its_credentials() {
    let registry = with_image(Registry::start().with_basic("robot", "example"));
    let refused = get(&registry, PATH).await;
    assert_eq!(refused.status(), 401);
    assert_eq!(header(&refused, "www-authenticate"), r#"Basic realm="waxseal-testkit""#);
    let with = |password| request(&registry, "GET", PATH).basic_auth("robot", Some(password));
    assert_eq!(status(with("example")).await, 200);
    assert_eq!(status(with("other")).await, 401);
    let seen: Vec<bool> = registry.requests().iter().map(|request| request.had_authorization).collect();
    assert_eq!(seen, [false, true, true]);
    registry.change(|settings| settings.anonymous_pull = true);
    assert_eq!(get(&registry, PATH).await.status(), 200);
    assert_eq!(status(request(&registry, "DELETE", PATH)).await, 401);
}

#[tokio::test]
async fn a_bearer_token_is_good_for_its_scope_alone() {
    let registry = with_image(Registry::start().with_bearer("robot", "example"));
    let refused = get(&registry, PATH).await;
    assert_eq!(
        header(&refused, "www-authenticate"),
        format!(
            r#"Bearer realm="{}",service="waxseal-testkit",scope="repository:app:pull""#,
            registry.url("/token")
        )
    );
    let token = token(&registry, "repository:app:pull").await;
    let with = |method, path| request(&registry, method, path).bearer_auth(&token);
    assert_eq!(status(with("GET", PATH)).await, 200);
    assert_eq!(status(with("GET", "/v2/")).await, 200);
    for (method, path) in [("GET", "/v2/other/manifests/1.0"), ("DELETE", PATH)] {
        let refused = with(method, path).send().await.unwrap();
        assert_eq!(refused.status(), 401);
        assert!(header(&refused, "www-authenticate").contains("insufficient_scope"));
    }
    registry.expire_tokens();
    let refused = with("GET", PATH).send().await.unwrap();
    assert!(header(&refused, "www-authenticate").ends_with(r#"error="invalid_token""#));
    let asked = &registry.token_requests()[0];
    assert_eq!(asked.scopes, ["repository:app:pull"]);
    assert_eq!((asked.user.as_deref(), asked.granted), (Some("robot"), true));
}

#[tokio::test]
async fn the_token_endpoint_knows_who_it_gives_to() {
    let registry = Registry::start().with_bearer("robot", "example").with_refresh_token("refresh");
    let path = "/token?scope=repository:app:pull,push";
    assert_eq!(get(&registry, path).await.status(), 401);
    let wrong = request(&registry, "GET", path).basic_auth("robot", Some("other"));
    assert_eq!(status(wrong).await, 401);
    let post = |form: &'static str| {
        request(&registry, "POST", "/token")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form)
    };
    let good = post("grant_type=refresh_token&refresh_token=refresh&scope=repository:app:pull").send();
    assert!(json(good.await.unwrap()).await["access_token"].is_string());
    assert_eq!(status(post("grant_type=refresh_token&refresh_token=other")).await, 401);
    let password = "grant_type=password&username=robot&password=example&scope=repository:app:pull";
    assert_eq!(status(post(password)).await, 200);
    assert!(registry.requests().last().unwrap().form.as_ref().unwrap().contains("username=robot"));
    registry.change(|settings| settings.token_post = false);
    assert_eq!(status(post(password)).await, 405);
}

#[tokio::test]
async fn an_anonymous_token_pulls_and_does_not_push() {
    let registry = with_image(Registry::start().with_bearer("robot", "example").with_anonymous_pull());
    assert_eq!(get(&registry, PATH).await.status(), 401);
    let answer = get(&registry, "/token?scope=repository:app:pull,push").await;
    let token = json(answer).await["token"].as_str().unwrap().to_owned();
    assert_eq!(status(request(&registry, "GET", PATH).bearer_auth(&token)).await, 200);
    assert_eq!(status(request(&registry, "PUT", PATH).bearer_auth(&token)).await, 401);
}

#[tokio::test]
async fn a_mount_needs_a_token_for_both_repositories() {
    let registry = Registry::start().with_bearer("robot", "example");
    let digest = registry.put_blob("base", "blob");
    let path = format!("/v2/app/blobs/uploads/?mount={digest}&from=base");
    let one = token(&registry, "repository:app:pull,push").await;
    let both = token(&registry, "repository:app:pull,push&scope=repository:base:pull").await;
    assert_eq!(status(request(&registry, "POST", &path).bearer_auth(one)).await, 202);
    assert_eq!(status(request(&registry, "POST", &path).bearer_auth(both)).await, 201);
}

#[tokio::test]
async fn another_registry_may_give_the_tokens() {
    let tokens = Registry::start().with_bearer("robot", "example");
    let registry = with_image(
        Registry::start().with_bearer("x", "y").with_realm(tokens.url("/token")).with_tokens_of(&tokens),
    );
    assert!(header(&get(&registry, PATH).await, "www-authenticate").contains(&tokens.url("/token")));
    let token = token(&tokens, "repository:app:pull").await;
    assert_eq!(status(request(&registry, "GET", PATH).bearer_auth(token)).await, 200);
}

#[tokio::test]
async fn a_challenge_may_never_end_and_is_not_lied_about() {
    let registry = with_image(Registry::start().with_bearer("robot", "example")).challenge_always();
    registry.rule(Match::any(), Behaviour::status(500));
    registry.clear_rules();
    let token = token(&registry, "repository:app:pull").await;
    registry.rule(Match::any(), Behaviour::status(500));
    assert_eq!(status(request(&registry, "GET", PATH).bearer_auth(&token)).await, 401);
    registry.change(|settings| settings.challenge_always = false);
    assert_eq!(status(request(&registry, "GET", PATH).bearer_auth(&token)).await, 500);
}
