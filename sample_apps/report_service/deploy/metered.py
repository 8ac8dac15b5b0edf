"""The operator's deployment: the service as it is, and who the subject of each request is."""

from meterize_hooks import ASGISubjectMiddleware
from report_service import create_app

app = ASGISubjectMiddleware(create_app(), header="X-Tenant")
