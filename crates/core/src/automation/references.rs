//! What a definition names by id. Whoever stores it asks whether all of that exists: a rule about a label that is not there
//! would never do anything, and nobody would know why.

use super::{
    Action, Condition, Definition, actions::template::Template, condition::LabelTest, effect::Assignee,
    trigger::Trigger,
};
use crate::ids::{
    AccountId, AutomationId, CampaignId, DepartmentId, EndpointId, LabelId, MemberId, SegmentId, TemplateId,
};

/// Ids by kind, in the order in which they are named; one may stand several times.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct References {
    pub accounts: Vec<AccountId>,
    pub automations: Vec<AutomationId>,
    pub campaigns: Vec<CampaignId>,
    pub departments: Vec<DepartmentId>,
    pub endpoints: Vec<EndpointId>,
    pub labels: Vec<LabelId>,
    pub members: Vec<MemberId>,
    pub segments: Vec<SegmentId>,
    pub templates: Vec<TemplateId>,
}

impl Definition {
    pub fn references(&self) -> References {
        let mut found = References::default();
        found.trigger(&self.trigger);
        found.condition(&self.conditions);
        found.steps(&self.actions);
        found
    }
}

impl References {
    fn trigger(&mut self, trigger: &Trigger) {
        match trigger {
            Trigger::Label(change) => self.labels.extend(&change.any_of),
            Trigger::CampaignReply(reply) => self.campaigns.extend(reply.campaign),
            Trigger::Schedule(timetable) => self.segments.extend(timetable.segment),
            Trigger::InboundMessage(_) | Trigger::ConversationOpened(_) | Trigger::Idle(_) | Trigger::Status(_) => {}
        }
    }

    fn condition(&mut self, condition: &Condition) {
        match condition {
            Condition::All(parts) | Condition::Any(parts) => parts.iter().for_each(|part| self.condition(part)),
            Condition::Not(part) => self.condition(part),
            Condition::Account(ids) => self.accounts.extend(ids),
            Condition::Label(LabelTest::Has(id) | LabelTest::HasNot(id)) => self.labels.push(*id),
            _ => {}
        }
    }

    fn steps(&mut self, steps: &[Action]) {
        for step in steps {
            self.step(step);
        }
    }

    fn step(&mut self, step: &Action) {
        match step {
            Action::Reply(reply) => self.template(reply.outside_window.as_ref()),
            Action::Template(template) => self.template(Some(template)),
            Action::Assign(assign) => self.assignee(assign.to),
            Action::Label(label) => self.labels.extend(label.add.iter().chain(&label.remove)),
            Action::Note(note) => self.members.extend(&note.mentions),
            Action::Webhook(webhook) => self.endpoints.push(webhook.endpoint),
            Action::Branch(branch) => {
                self.condition(&branch.condition);
                self.steps(&branch.then);
                self.steps(&branch.otherwise);
            }
            Action::Status(_) | Action::Snooze(_) | Action::Tag(_) | Action::Wait(_) | Action::Stop(_) => {}
        }
    }

    fn template(&mut self, template: Option<&Template>) {
        self.templates.extend(template.map(|template| template.template));
    }

    fn assignee(&mut self, assignee: Assignee) {
        match assignee {
            Assignee::Member(member) => self.members.push(member),
            Assignee::Department(department) => self.departments.push(department),
            Assignee::Automation(automation) => self.automations.push(automation),
            Assignee::RoundRobin | Assignee::Nobody => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::automation::read;

    fn id(prefix: &str, number: u8) -> String {
        format!("{prefix}_019f2b000000700080000000000000{number:02}")
    }

    #[test]
    fn everything_that_is_named_anywhere_in_a_definition_is_found() {
        let definition = json!({
            "trigger": {"label": {"was": "added", "any_of": [id("lbl", 1)]}},
            "conditions": {"not": {"any": [{"account": [id("acc", 2)]}, {"label": {"has_not": id("lbl", 3)}}]}},
            "actions": [
                {"reply": {"text": "Hello", "outside_window": {"template": id("tpl", 4)}}},
                {"assign": {"to": {"department": id("dep", 5)}}},
                {"assign": {"to": {"automation": id("aut", 9)}}},
                {"branch": {
                    "condition": {"label": {"has": id("lbl", 6)}},
                    "then": [{"note": {"text": "Look", "mentions": [id("mem", 7)]}}],
                    "otherwise": [{"webhook": {"endpoint": id("end", 8)}}],
                }},
            ],
        });
        let found = read(&definition).unwrap().references();
        let labels = [1, 3, 6].map(|number| id("lbl", number).parse().unwrap());
        assert_eq!(found.labels, labels);
        assert_eq!(found.accounts, [id("acc", 2).parse().unwrap()]);
        assert_eq!(found.templates, [id("tpl", 4).parse().unwrap()]);
        assert_eq!(found.departments, [id("dep", 5).parse().unwrap()]);
        assert_eq!(found.automations, [id("aut", 9).parse().unwrap()]);
        assert_eq!(found.members, [id("mem", 7).parse().unwrap()]);
        assert_eq!(found.endpoints, [id("end", 8).parse().unwrap()]);
        assert!(found.campaigns.is_empty() && found.segments.is_empty());
    }
}
