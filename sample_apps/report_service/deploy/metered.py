"""The operator's deployment: the service as it is, and who the subject of each request is."""

from meterize_hooks.asgi import SubjectMiddleware
from report_service import create_app

app = SubjectMiddleware(create_app(), header="X-Tenant")
