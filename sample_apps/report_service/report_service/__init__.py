"""Each tenant's orders as reports, in the format that the tenant asks for."""

from report_service.app import create_app

__all__ = ["create_app"]
