"""What the head before had picked, beside what the present one picks."""

from __future__ import annotations

import numpy as np
from napari.layers import Points
from numpy.typing import NDArray

from napari_hydrapicker.gui.layers.plugin_layers import Place, PluginLayers
from napari_hydrapicker.project.session import Session
from napari_hydrapicker.wording import counted

NAME = "HydraPicker previous picks"
_COLOUR = "#61afef"


class BeforeLayer:
    """A points layer that is not edited; it is in the viewer once there is something to compare."""

    name = NAME

    def __init__(self, layers: PluginLayers) -> None:
        self._layers = layers
        self.layer: Points | None = None

    def show(self, yx: NDArray[np.float64], diameter_px: float) -> None:
        """Show picks (N, 2), micrograph pixels, as rings; whether they are visible is the user's choice."""
        if self.layer is None:
            self.layer = Points(
                yx, size=diameter_px, name=NAME, ndim=2, face_color="transparent", border_color=_COLOUR,
                symbol="disc", border_width=0.06,
            )  # fmt: skip
            self._layers.put(Place.BEFORE, self.layer, wanted=lambda: True)  # clicks go on to the picks
            self.layer.editable = False
        else:
            self.layer.data = yx
            self.layer.size = diameter_px
            self._layers.put(Place.BEFORE, self.layer)

    def clear(self) -> None:
        """Show nothing where there is nothing to compare; to remove the layer takes napari too long."""
        if self.layer is not None and len(self.layer.data):
            self.layer.data = np.empty((0, 2))

    def remove(self) -> None:
        """Take the layer out of the viewer."""
        self._layers.drop(Place.BEFORE)
        self.layer = None


class HeadComparison:
    """Keeps the previous picks, shows them as a layer, and says how many they were."""

    def __init__(self, layers: PluginLayers, session: Session) -> None:
        self._session, self._layer = session, BeforeLayer(layers)
        self._times: dict[int, int] = {}  # how often micrographs had been picked
        self._yx: dict[int, NDArray[np.float64]] = {}  # of those that were shown

    def keep(self) -> None:
        """Keep the present picks: another head is to come."""
        session = self._session
        picked = [r.id for r in session.records if len(session.labels(r.id))]
        self._times = {number: session.times_picked(number) for number in picked}
        self._yx = {number: session.picks(number).yx for number in picked}

    def forget(self) -> None:
        """Keep nothing, and take the layer out of the viewer."""
        self._times.clear()
        self._yx.clear()
        self._layer.remove()

    def picked_again(self) -> dict[int, NDArray[np.float64]]:
        """Return the picks (N, 2) of before, pixels, on the micrographs that were picked again since.

        Others still have the old head's picks, of which the new head's threshold says nothing.
        """
        return {n: self._yx[n] for n in self._times if self._is_picked_again(n)}

    def show(self, number: int | None, diameter_px: float) -> str:
        """Show the picks of before on a micrograph, where there is a difference; returns it in words."""
        text = self.in_words(number)
        if text and number is not None:
            self._layer.show(self._yx[number], diameter_px)
        else:
            self._layer.clear()
        return text

    def in_words(self, number: int | None) -> str:
        """Say how many picks there were on a micrograph, and on all that were picked again, and are now."""
        if number is None or not self._is_picked_again(number):
            return ""
        text = f"Picks here: {len(self._yx[number])} before, {self._session.count(number)} now"
        again = self.picked_again()
        if len(again) > 1:
            before, now = sum(map(len, again.values())), sum(map(self._session.count, again))
            text += f"; on the {counted(len(again), 'micrograph')} picked again: {before} before, {now} now"
        return f"{text}. The layer “{self._layer.name}” shows the previous ones."

    def _is_picked_again(self, number: int) -> bool:
        """Whether a picker has been there since."""
        return number in self._times and self._session.times_picked(number) > self._times[number]
