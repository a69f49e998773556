//! Carries out the plan: announces a fault, makes it happen, and waits until all is well.

use latchkey_test_postgres::Stop;
use tokio::task::block_in_place;

use crate::plan::{Fault, Planned};
use crate::run::Run;
use crate::windows::Allows;

impl Run {
    /// Carries out the plan beside so many clients, which check their accounts after each
    /// fault.
    pub(crate) async fn carry_out(&self, plan: &[Planned], clients: usize) {
        for planned in plan {
            self.pause(self.began + planned.at).await;
            if self.is_finished() {
                return;
            }
            self.make_happen(*planned).await;
            self.check(clients).await;
            block_in_place(|| self.check_file());
        }
    }

    async fn make_happen(&self, Planned { fault, costly, .. }: Planned) {
        match fault {
            Fault::Kill { instance } => {
                let window = self.windows.open(Some(instance), Allows::LostConnections);
                self.fleet.kill(instance).await;
                self.fleet.launch(instance, costly).await;
                self.windows.close(window).await;
            }
            Fault::Terminate { instance } => {
                let window = self.windows.open(Some(instance), Allows::ClosedDoor);
                let code = self.fleet.terminate(instance).await;
                if code != Some(0) {
                    self.fail(format!("instance {instance} ended with {code:?}"));
                }
                self.fleet.launch(instance, costly).await;
                self.windows.close(window).await;
            }
            Fault::EndConnections => {
                let window = self.windows.open(None, Allows::Unavailable);
                block_in_place(|| self.fleet.office.database().postgres().terminate_backends());
                self.all_ready().await;
                self.windows.close(window).await;
            }
            Fault::RestartDatabase { order } => {
                let window = self.windows.open(None, Allows::Unavailable);
                let how = if order { Stop::Fast } else { Stop::Immediate };
                if let Some(cluster) = &self.fleet.cluster {
                    block_in_place(|| {
                        cluster.stop(how);
                        cluster.start();
                    });
                }
                self.all_ready().await;
                self.windows.close(window).await;
            }
        }
    }

    /// Waits until every instance says that it is ready.
    async fn all_ready(&self) {
        for instance in 0..self.fleet.len() {
            if let Some(server) = self.fleet.server(instance) {
                server.health_becomes(200).await;
            }
        }
    }
}
