//! SigV4: every request must be signed; with a key pair in the settings, it must be signed by it.
//!
//! Times are checked by the clock on the wall, since clients sign by it.

use aws_lc_rs::{digest, hmac};
use chrono::{NaiveDateTime, TimeDelta, Utc};
use noctule_simulated::RecordedRequest;

use super::{action::Service, refusal::Refusal, settings::KeyPair};

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const STAMP: &str = "%Y%m%dT%H%M%SZ";
/// How far a client's clock may be off.
const SKEW: TimeDelta = TimeDelta::minutes(15);

/// What an `Authorization` header says.
struct Signature<'a> {
    access_key_id: &'a str,
    date: &'a str,
    region: &'a str,
    signed_headers: &'a str,
    signature: &'a str,
}

/// The region a request was signed for.
pub(crate) fn check(
    request: &RecordedRequest,
    service: Service,
    pair: Option<&KeyPair>,
) -> Result<String, Refusal> {
    let header = request
        .header("authorization")
        .ok_or_else(|| missing(service))?;
    let signature = Signature::read(header, service)?;
    let time = request.header("x-amz-date").ok_or_else(|| {
        incomplete(
            "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.",
        )
    })?;
    let signed_at = NaiveDateTime::parse_from_str(time, STAMP)
        .map_err(|_| incomplete("Date must be in ISO-8601 'basic format'."))?;
    if !time.starts_with(signature.date) {
        return Err(invalid(
            service,
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP",
        ));
    }
    for needed in ["host", "x-amz-date"] {
        if !signature.signed_headers.split(';').any(|one| one == needed) {
            return Err(invalid(
                service,
                &format!("'{needed}' must be a 'SignedHeader' in the AWS Authorization."),
            ));
        }
    }
    if let Some(pair) = pair {
        if (Utc::now().naive_utc() - signed_at).abs() > SKEW {
            return Err(invalid(
                service,
                &format!("Signature expired: {time} is too far from now"),
            ));
        }
        signature.verify(request, service, pair, time)?;
    }
    Ok(signature.region.to_owned())
}

impl<'a> Signature<'a> {
    fn read(header: &'a str, service: Service) -> Result<Self, Refusal> {
        let fields = header
            .strip_prefix(ALGORITHM)
            .and_then(|rest| rest.strip_prefix(' '))
            .ok_or_else(|| incomplete("Authorization header must begin with AWS4-HMAC-SHA256."))?;
        let field = |name: &str| {
            let mut parts = fields.split(',').map(str::trim);
            let found = parts.find_map(|part| part.strip_prefix(name)?.strip_prefix('='));
            found.ok_or_else(|| {
                incomplete(&format!(
                    "Authorization header requires '{name}' parameter."
                ))
            })
        };
        let scope: Vec<&str> = field("Credential")?.split('/').collect();
        let [access_key_id, date, region, named, "aws4_request"] = scope.as_slice() else {
            return Err(incomplete(
                "Credential must have exactly 5 slash-delimited elements and end in aws4_request.",
            ));
        };
        if *named != service.signing_name() {
            let own = service.signing_name();
            return Err(invalid(
                service,
                &format!("Credential should be scoped to correct service: '{own}'. "),
            ));
        }
        let signature = field("Signature")?;
        if signature.len() != 64 || !signature.chars().all(|c| c.is_ascii_hexdigit()) {
            return Err(incomplete("Signature must be 64 hexadecimal digits."));
        }
        if access_key_id.is_empty() || region.is_empty() || date.len() != 8 {
            return Err(incomplete("Credential has an empty element."));
        }
        Ok(Signature {
            access_key_id,
            date,
            region,
            signed_headers: field("SignedHeaders")?,
            signature,
        })
    }

    fn verify(
        &self,
        request: &RecordedRequest,
        service: Service,
        pair: &KeyPair,
        time: &str,
    ) -> Result<(), Refusal> {
        if self.access_key_id != pair.access_key_id {
            let code = match service {
                Service::LoadBalancing => "InvalidClientTokenId",
                Service::Ecs | Service::Logs | Service::Secrets => "UnrecognizedClientException",
            };
            let message = "The security token included in the request is invalid.";
            return Err(Refusal::new(status(service), code, message));
        }
        let name = service.signing_name();
        let scope = format!("{}/{}/{name}/aws4_request", self.date, self.region);
        let hashed = sha256(self.canonical(request)?.as_bytes());
        let text = format!("{ALGORITHM}\n{time}\n{scope}\n{hashed}");
        let mut key = format!("AWS4{}", pair.secret_access_key).into_bytes();
        for part in [self.date, self.region, name, "aws4_request"] {
            key = sign(&key, part);
        }
        if hex(&sign(&key, &text)) == self.signature {
            return Ok(());
        }
        Err(invalid(
            service,
            "The request signature we calculated does not match the signature you provided. Check your AWS Secret \
             Access Key and signing method. Consult the service documentation for details.",
        ))
    }

    fn canonical(&self, request: &RecordedRequest) -> Result<String, Refusal> {
        let mut headers = String::new();
        for name in self.signed_headers.split(';') {
            let value = request
                .header(name)
                .ok_or_else(|| incomplete(&format!("the signed header {name} is not there")))?;
            let value = value.split_whitespace().collect::<Vec<_>>().join(" ");
            headers.push_str(&format!("{name}:{value}\n"));
        }
        Ok(format!(
            "{}\n{}\n{}\n{headers}\n{}\n{}",
            request.method,
            request.path,
            request.query.as_deref().unwrap_or_default(),
            self.signed_headers,
            sha256(&request.body)
        ))
    }
}

fn sign(key: &[u8], text: &str) -> Vec<u8> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    hmac::sign(&key, text.as_bytes()).as_ref().to_vec()
}

fn sha256(bytes: &[u8]) -> String {
    hex(digest::digest(&digest::SHA256, bytes).as_ref())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The query protocol answers 403 where JSON services answer 400.
fn status(service: Service) -> u16 {
    match service {
        Service::LoadBalancing => 403,
        Service::Ecs | Service::Logs | Service::Secrets => 400,
    }
}

fn missing(service: Service) -> Refusal {
    let code = match service {
        Service::LoadBalancing => "MissingAuthenticationToken",
        Service::Ecs | Service::Logs | Service::Secrets => "MissingAuthenticationTokenException",
    };
    Refusal::new(status(service), code, "Missing Authentication Token")
}

fn incomplete(message: &str) -> Refusal {
    Refusal::new(400, "IncompleteSignatureException", message)
}

fn invalid(service: Service, message: &str) -> Refusal {
    let code = match service {
        Service::LoadBalancing => "SignatureDoesNotMatch",
        Service::Ecs | Service::Logs | Service::Secrets => "InvalidSignatureException",
    };
    Refusal::new(status(service), code, message)
}
