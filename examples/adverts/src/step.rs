//! The ten steps, in the order of the pipeline, with their endpoints.

/// One step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// Its name, in `current_step`.
    pub name: &'static str,
    /// Where it is called.
    pub path: &'static str,
    /// It works on the whole job, not on one variant.
    pub of_job: bool,
    /// What its call names besides the row.
    pub needs: Option<&'static str>,
    /// The id that its output names.
    pub gives: Option<&'static str>,
}

const fn variant(name: &'static str, path: &'static str) -> Step {
    Step {
        name,
        path,
        of_job: false,
        needs: None,
        gives: None,
    }
}

const fn of_overlay(name: &'static str, path: &'static str) -> Step {
    Step {
        needs: Some("overlay_id"),
        ..variant(name, path)
    }
}

const fn gives(name: &'static str, path: &'static str, what: &'static str) -> Step {
    Step {
        gives: Some(what),
        ..variant(name, path)
    }
}

const fn of_job(name: &'static str, path: &'static str) -> Step {
    Step {
        of_job: true,
        ..variant(name, path)
    }
}

/// Every step.
pub const STEPS: [Step; 10] = [
    variant("vlm_analyze", "/api/yh/llava/stage1/validate"),
    variant("yolo_detect", "/api/yh/yolo/detect"),
    gives("planner", "/api/yh/planner", "proposal_id"),
    Step {
        needs: Some("text"),
        ..gives("overlay", "/api/yh/overlay", "overlay_id")
    },
    of_overlay("vlm_judge", "/api/yh/llava/stage2/judge"),
    of_overlay("ocr_eval", "/api/yh/ocr/evaluate"),
    of_overlay("readability_eval", "/api/yh/readability/evaluate"),
    of_overlay("iou_eval", "/api/yh/iou/evaluate"),
    of_job("ad_copy_gen_kor", "/api/yh/gpt/eng-to-kor"),
    of_job("instagram_feed_gen", "/api/yh/instagram/feed"),
];
