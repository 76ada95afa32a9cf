"""An agent that knows what it wants without looking at the data."""

from operando.plans.grid import MapGrid

GRID = MapGrid((6, 8), 2.0)


class CountdownAgent:
    """Suggests the points in descending order of their index."""

    def __init__(self):
        self.asked = []
        self.next = GRID.size - 1

    def spec(self):
        return {"class": "Agent", "config": {"a": 1}, "seed": 5, "model_version": "v1"}

    def suggest(self, num_points=None):
        self.asked.append(num_points)
        points = range(self.next, self.next - num_points, -1)
        self.next -= num_points
        return [self.suggestion(point) for point in points]

    def suggestion(self, point):
        x, y = GRID.position(point)
        return {
            "_id": f"id-{point}",
            "point": point,
            "stage_x": x,
            "stage_y": y,
            "acquisition": 0.1 * point,
            "probability": [0.1 * k for k in range(9)],
            "model_version": "v1",
        }
