//! Health checks: asks a target over HTTP as a load balancer would, for as long as it is registered.

use std::{net::Ipv4Addr, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{sleep, timeout},
};

use super::{settings::Health, shared::Shared, status::Status, target::TargetHealth};

/// One registration of a target.
pub(crate) struct Watched {
    pub(crate) group: String,
    pub(crate) at: (Ipv4Addr, u16),
    pub(crate) registration: u64,
}

impl Watched {
    /// Checks until the target is deregistered.
    pub(crate) async fn check(self, shared: Arc<Shared>) {
        match shared.settings.health.clone() {
            Health::After(time) => {
                self.set(&shared, TargetHealth::Checking);
                sleep(time).await;
                let health = match self.task(&shared) {
                    Some(false) => TargetHealth::Healthy,
                    Some(true) | None => TargetHealth::NoAnswer,
                };
                self.set(&shared, health);
            }
            Health::Probe {
                path,
                interval,
                timeout,
                healthy,
                unhealthy,
            } => {
                let mut row = Row::new(healthy, unhealthy);
                self.set(&shared, TargetHealth::Checking);
                loop {
                    let answer = self.ask(&shared, &path, timeout).await;
                    let still = match row.add(answer) {
                        Some(health) => self.set(&shared, health),
                        None => self.is_registered(&shared),
                    };
                    if !still {
                        return;
                    }
                    sleep(interval).await;
                }
            }
        }
    }

    /// Whether the running task of the address is never to be healthy; None without such a task.
    fn task(&self, shared: &Shared) -> Option<bool> {
        shared.read(|cloud| {
            let mut tasks = cloud.tasks.values();
            let there = |task: &&super::task::Task| {
                task.address == self.at.0 && task.has_address() && task.status == Status::Running
            };
            tasks.find(there).map(|task| task.fate.never_healthy)
        })
    }

    async fn ask(&self, shared: &Shared, path: &str, limit: Duration) -> TargetHealth {
        match self.task(shared) {
            None => return TargetHealth::NoAnswer,
            Some(true) => return TargetHealth::WrongAnswer,
            Some(false) => {}
        }
        match timeout(limit, get(self.at, path)).await {
            Ok(Ok(head))
                if head.starts_with("HTTP/1.1 200") || head.starts_with("HTTP/1.0 200") =>
            {
                TargetHealth::Healthy
            }
            Ok(Ok(_)) => TargetHealth::WrongAnswer,
            Ok(Err(_)) | Err(_) => TargetHealth::NoAnswer,
        }
    }

    fn is_registered(&self, shared: &Shared) -> bool {
        shared.change(|cloud, _| {
            let target = cloud.targets.target(&self.group, self.at);
            target.is_some_and(|one| {
                one.registration == self.registration && one.draining_since.is_none()
            })
        })
    }

    /// Writes the health down; false if this registration is over.
    fn set(&self, shared: &Shared, health: TargetHealth) -> bool {
        shared.change(|cloud, _| {
            let target = cloud.targets.target(&self.group, self.at);
            let own = target.filter(|one| {
                one.registration == self.registration && one.draining_since.is_none()
            });
            own.map(|target| target.health = health).is_some()
        })
    }
}

/// The first bytes of an answer.
async fn get(at: (Ipv4Addr, u16), path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(at).await?;
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {}:{}\r\nUser-Agent: ELB-HealthChecker/2.0\r\nConnection: close\r\n\r\n",
        at.0, at.1
    );
    stream.write_all(request.as_bytes()).await?;
    let (mut head, mut buffer) = (Vec::new(), [0; 64]);
    while head.len() < 16 {
        match stream.read(&mut buffer).await? {
            0 => break,
            count => head.extend_from_slice(&buffer[..count]),
        }
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

/// So many alike in a row decide.
struct Row {
    healthy: u32,
    unhealthy: u32,
    good: u32,
    bad: u32,
}

impl Row {
    fn new(healthy: u32, unhealthy: u32) -> Self {
        Row {
            healthy,
            unhealthy,
            good: 0,
            bad: 0,
        }
    }

    fn add(&mut self, answer: TargetHealth) -> Option<TargetHealth> {
        if answer == TargetHealth::Healthy {
            (self.good, self.bad) = (self.good.saturating_add(1), 0);
            (self.good >= self.healthy).then_some(answer)
        } else {
            (self.good, self.bad) = (0, self.bad.saturating_add(1));
            (self.bad >= self.unhealthy).then_some(answer)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_row_of_answers_decides() {
        let mut row = Row::new(2, 2);
        let (good, bad) = (TargetHealth::Healthy, TargetHealth::NoAnswer);
        assert_eq!([good, bad, good].map(|answer| row.add(answer)), [None; 3]);
        assert_eq!(row.add(good), Some(good));
        assert_eq!([bad, bad].map(|answer| row.add(answer)), [None, Some(bad)]);
    }
}
