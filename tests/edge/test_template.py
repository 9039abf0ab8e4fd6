"""The CloudFormation template: clean by AWS's own linter, with the logs that ingest reads."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

from cfnlint.decode import cfn_yaml

from analytics_core.settings import REALTIME_FIELDS
from deploy.build import FUNCTION, TEMPLATE


def resources() -> dict[str, Any]:
    return cfn_yaml.load(str(TEMPLATE))["Resources"]


def test_the_template_is_clean() -> None:
    linter = Path(sys.executable).with_name("cfn-lint")
    ran = subprocess.run(
        [linter, "--include-checks", "I", "--regions", "us-east-1", "--", str(TEMPLATE)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stdout + ran.stderr) == (0, "")


def test_the_logs_have_the_fields_that_ingest_takes_for_granted() -> None:
    logs = resources()["RealtimeLogs"]["Properties"]

    assert list(logs["Fields"]) == REALTIME_FIELDS.split(",")
    assert logs["SamplingRate"] == 100


def test_the_template_carries_the_function_and_its_store() -> None:
    function = resources()["Redirect"]["Properties"]

    assert function["FunctionCode"] == FUNCTION.read_text()
    assert function["FunctionConfig"]["Runtime"] == "cloudfront-js-2.0"
    assert function["FunctionConfig"]["KeyValueStoreAssociations"] == [
        {"KeyValueStoreARN": {"Fn::GetAtt": ["Links", "Arn"]}}
    ]


def test_every_request_is_answered_by_the_function_and_logged() -> None:
    behavior = resources()["Distribution"]["Properties"]["DistributionConfig"]["DefaultCacheBehavior"]

    assert {"POST", "DELETE", "HEAD"} <= set(behavior["AllowedMethods"])
    assert [one["EventType"] for one in behavior["FunctionAssociations"]] == ["viewer-request"]
    assert behavior["RealtimeLogConfigArn"] == {"Ref": "RealtimeLogs"}
