"""Climate, watering and forecasts for a greenhouse with a few beds."""

from greenhouse.climate import Climate, summarize
from greenhouse.forecast import Outlook, forecast
from greenhouse.irrigation import Watering, plan_watering
from greenhouse.readings import Reading, ReadingError, parse_readings
from greenhouse.stations import Station, StationError, poll, watch

__all__ = [
    "Climate",
    "Outlook",
    "Reading",
    "ReadingError",
    "Station",
    "StationError",
    "Watering",
    "forecast",
    "parse_readings",
    "plan_watering",
    "poll",
    "summarize",
    "watch",
]
