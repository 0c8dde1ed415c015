//! The table of names and limits: what passes and what does not.

use super::*;

const GROUP: &str =
    "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/web/0123456789abcdef";

#[test]
fn names() {
    type Rule = fn(&str) -> Result<(), String>;
    let rules: [(Rule, &[&str], &[&str]); 9] = [
        (
            region,
            &["us-east-1", "cn-north-1", "us-gov-west-1"],
            &["", "us", "us-east", "US-EAST-1", "us--1", "a/b-c-1"],
        ),
        (
            cluster,
            &[
                "default",
                "a_b-C",
                "arn:aws:ecs:us-east-1:123456789012:cluster/c",
            ],
            &["", "a b", "a/b", "arn:aws:ecs:us-east-1:1:task/c"],
        ),
        (
            definition,
            &[
                "etl",
                "etl:3",
                "arn:aws:ecs:us-east-1:1:task-definition/etl:3",
                "arn:aws:ecs:us-east-1:1:task-definition/etl",
            ],
            &["", "etl:", "etl:0", "etl:x", "a/b", "etl:3:4"],
        ),
        (
            container,
            &["main", "dynamic-executor"],
            &["", "a b", "a.b"],
        ),
        (
            capacity,
            &["FARGATE", "FARGATE_SPOT"],
            &["", "fargate", "EC2"],
        ),
        (
            target_group,
            &[GROUP],
            &[
                "",
                "web",
                "arn:aws:ecs:us-east-1:1:cluster/c",
                "arn:aws:elasticloadbalancing:us-east-1:1:loadbalancer/app/x/1",
            ],
        ),
        (
            role,
            &["worker", "arn:aws:iam::123456789012:role/path/worker"],
            &["", "a b", "arn:aws:iam::1:user/x"],
        ),
        (
            platform_version,
            &["LATEST", "1.4.0"],
            &["", "latest", "v1", ".4"],
        ),
        (size, &["256", "4096"], &["", "0", "-1", "1 vCPU", "0.5"]),
    ];
    for (index, (rule, good, bad)) in rules.into_iter().enumerate() {
        for text in good {
            assert_eq!(rule(text), Ok(()), "rule {index}");
        }
        for text in bad {
            assert!(rule(text).is_err(), "rule {index}: `{text}`");
        }
    }
}

#[test]
fn limits_are_inclusive() {
    let list = |prefix: &str, count: usize| vec![format!("{prefix}0a"); count];
    assert!(subnets(&list("subnet-", 16)).is_ok() && subnets(&list("subnet-", 17)).is_err());
    assert!(security_groups(&list("sg-", 5)).is_ok() && security_groups(&list("sg-", 6)).is_err());
    assert!(subnets(&list("sg-", 1)).is_err() && security_groups(&list("subnet-", 1)).is_err());
    assert!(tag_count(49).is_ok() && tag_count(50).is_err());
    assert!(overrides(&"é".repeat(8_192)).is_ok() && overrides(&"x".repeat(8_193)).is_err());
    assert_eq!(port("65535"), Ok(65_535));
    assert!(port("0").is_err() && port("65536").is_err() && port("http").is_err());
    assert!(
        ready_timeout("5m").is_ok() && ready_timeout("0s").is_err() && ready_timeout("5").is_err()
    );
}

#[test]
fn what_is_ours_cannot_be_set() {
    for name in OUR_VARIABLES {
        assert!(variable_name(name).is_err(), "{name}");
    }
    assert!(
        variable_name("TENANT").is_ok()
            && variable_name("").is_err()
            && variable_name("A=B").is_err()
    );
    assert!(tag(KEY_TAG, "x").is_err() && tag("AWS:x", "y").is_err() && tag("", "y").is_err());
    assert!(tag("team", &"v".repeat(256)).is_ok() && tag("team", &"v".repeat(257)).is_err());
}

#[test]
fn a_revision_is_seen() {
    assert!(is_pinned("etl:3") && is_pinned("arn:aws:ecs:us-east-1:1:task-definition/etl:3"));
    assert!(!is_pinned("etl") && !is_pinned("arn:aws:ecs:us-east-1:1:task-definition/etl"));
}
