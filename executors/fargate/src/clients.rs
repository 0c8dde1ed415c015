//! The AWS clients of each identity, made once and kept.
//!
//! Guarantees: no client retries by itself: every send is one that the engine has counted and that took from the
//! connection's budget. (A repeated `RunTask` would be harmless, since the token is ours; but throttling has to be seen,
//! not slept through.) Every call ends in time. Against a server of this machine no real credentials are used, unless a
//! profile or a role is named.

use std::collections::HashMap;
use std::sync::Arc;

use aws_config::{BehaviorVersion, Region, SdkConfig, retry::RetryConfig, timeout::TimeoutConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_ecs as ecs;
use aws_sdk_elasticloadbalancingv2 as elb;
use tokio::sync::Mutex;

use crate::connection::Identity;
use crate::pacing::Pacing;

/// The ways to the services, as one identity.
pub(crate) struct Clients {
    pub(crate) ecs: ecs::Client,
    pub(crate) elb: elb::Client,
    pub(crate) credentials: Option<SharedCredentialsProvider>,
}

/// Every identity's clients.
#[derive(Default)]
pub(crate) struct Keyring {
    known: Mutex<HashMap<Identity, Arc<Clients>>>,
}

impl Keyring {
    /// The clients of an identity.
    pub(crate) async fn clients(&self, identity: &Identity, pacing: &Pacing) -> Arc<Clients> {
        let mut known = self.known.lock().await;
        if let Some(clients) = known.get(identity) {
            return Arc::clone(clients);
        }
        let clients = Arc::new(make(identity, pacing).await);
        known.insert(identity.clone(), Arc::clone(&clients));
        clients
    }

    /// Forgets clients whose credentials were refused, unless somebody has made them anew.
    pub(crate) async fn forget(&self, identity: &Identity, refused: &Arc<Clients>) {
        let mut known = self.known.lock().await;
        if known
            .get(identity)
            .is_some_and(|now| Arc::ptr_eq(now, refused))
        {
            known.remove(identity);
        }
    }
}

async fn make(identity: &Identity, pacing: &Pacing) -> Clients {
    let config = config(identity, pacing).await;
    let at = |service| identity.endpoint_of(service).as_str().to_owned();
    let ecs = ecs::config::Builder::from(&config).endpoint_url(at("ecs"));
    let elb = elb::config::Builder::from(&config).endpoint_url(at("elasticloadbalancing"));
    Clients {
        ecs: ecs::Client::from_conf(ecs.build()),
        elb: elb::Client::from_conf(elb.build()),
        credentials: config.credentials_provider(),
    }
}

async fn config(identity: &Identity, pacing: &Pacing) -> SdkConfig {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(pacing.connect)
        .operation_timeout(pacing.answer)
        .build();
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new(identity.region.clone()))
        .retry_config(RetryConfig::disabled())
        .timeout_config(timeouts);
    let local = identity.endpoint.as_ref().is_some_and(|e| e.is_local());
    if let Some(profile) = &identity.profile {
        loader = loader.profile_name(profile);
    } else if local && identity.assume_role.is_none() {
        let nobody = Credentials::new("noctule", "noctule", None, None, "a local server");
        loader = loader.credentials_provider(nobody);
    }
    let config = loader.load().await;
    match &identity.assume_role {
        None => config,
        Some(role) => {
            let mut provider = aws_config::sts::AssumeRoleProvider::builder(&role.arn)
                .session_name("noctule")
                .configure(&config);
            if let Some(id) = &role.external_id {
                provider = provider.external_id(id);
            }
            let provider = SharedCredentialsProvider::new(provider.build().await);
            config.into_builder().credentials_provider(provider).build()
        }
    }
}
