"""Serves moto on a free port, makes what a launch needs, says where on one line, and ends with its standard input."""

import json
import os
import sys

os.environ.update(AWS_ACCESS_KEY_ID="noctule", AWS_SECRET_ACCESS_KEY="noctule", AWS_DEFAULT_REGION="us-east-1")

import boto3
from moto.server import ThreadedMotoServer

server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
host, port = server.get_host_and_port()
endpoint = f"http://{host}:{port}"

ec2 = boto3.client("ec2", endpoint_url=endpoint)
vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": True})
subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
group = ec2.create_security_group(VpcId=vpc, GroupName="g", Description="g")["GroupId"]

ecs = boto3.client("ecs", endpoint_url=endpoint)
ecs.create_cluster(clusterName="c")
ecs.register_task_definition(
    family="etl",
    networkMode="awsvpc",
    requiresCompatibilities=["FARGATE"],
    cpu="256",
    memory="512",
    containerDefinitions=[{"name": "main", "image": "busybox", "memory": 128, "essential": True}],
)

print(json.dumps({"endpoint": endpoint, "subnet": subnet, "group": group}), flush=True)
sys.stdin.read()
server.stop()
