"""Renders objects with MuJoCo: a program of its own, for `rendering`.

Mesa, which draws where there is no GPU, and TensorFlow each bring an LLVM, and
in one process the two crash. So this program imports neither TensorFlow nor any
other module of this library.

Its argument is the size of the images. On its input it reads for each object
the arguments of `_Stage.render`, as `send` writes them. On its output it writes
a `message` when it is ready, or cannot be, and one for each object, with its
`images`. The message is empty if there was no error.
"""

import io
import os
import sys
from typing import IO, Any

import numpy as np

# How far the camera looks down, in degrees; then lengths, whose unit is an
# object's longest side.
_ELEVATION = -45.0
_DISTANCE = 2.3
_LOOK_AT = (0.0, 0.0, 0.35)

# For antialiasing each pixel is the mean of a square of this side. With the
# antialiasing of OpenGL Mesa takes twice as long.
_SUPERSAMPLING = 2

# Shadows would take most of the time. No geom collides with another, so that
# MuJoCo needs no convex hulls.
_SCENE = """
<mujoco>
  <visual>
    <global offwidth="{side}" offheight="{side}" fovy="45"/>
    <quality shadowsize="0" offsamples="0"/>
  </visual>
  <default><geom contype="0" conaffinity="0"/></default>
  <asset><material name="table" specular="0" rgba=".15 .15 .15 1"/></asset>
  <worldbody>
    <light directional="true" dir="0 0 -1" diffuse=".5 .5 .5"
      castshadow="false"/>
    <geom type="plane" size="10 10 1" material="table"/>
    <body name="object" mocap="true"/>
  </worldbody>
</mujoco>
"""


class _Stage:
    """An OpenGL context, which is made once for all objects.

    To make a context compiles shaders, which takes longer than all images of an
    object.
    """

    def __init__(self, image_size: int):
        import mujoco

        try:
            from mujoco.rendering.classic import gl_context
        except ImportError:  # Before MuJoCo 4, which Meta-World wants.
            from mujoco import gl_context

        self._mujoco: Any = mujoco
        self._side = _SUPERSAMPLING * image_size
        self._context = gl_context.GLContext(self._side, self._side)
        self._context.make_current()
        self._camera = mujoco.MjvCamera()
        self._camera.lookat[:] = _LOOK_AT
        self._camera.distance = _DISTANCE
        self._camera.elevation = _ELEVATION
        self._camera.azimuth = 90.0

    def render(self, angles, vertices, triangles, parts) -> np.ndarray:
        """Renders an object: a mesh, or parts.

        Args:
            angles: `[R]`, by how much it is turned about z, in radians.
            vertices: of a mesh, `[V, 3]`.
            triangles: of a mesh, `[F, 3]`.
            parts: MuJoCo's primitives, `[P, 12]`: type, size, position,
                quaternion, grey.

        Returns:
            Images `[R, size, size]`, uint8.
        """
        mujoco = self._mujoco
        model = self._compile(vertices, triangles, parts)
        data = mujoco.MjData(model)
        scene = mujoco.MjvScene(model, maxgeom=len(parts) + 10)
        for flag in ("SHADOW", "REFLECTION"):
            scene.flags[getattr(mujoco.mjtRndFlag, f"mjRND_{flag}")] = False
        options = mujoco.MjvOption()
        context = mujoco.MjrContext(
            model, mujoco.mjtFontScale.mjFONTSCALE_50.value
        )
        mujoco.mjr_setBuffer(
            mujoco.mjtFramebuffer.mjFB_OFFSCREEN.value, context
        )
        window = mujoco.MjrRect(0, 0, self._side, self._side)
        pixels = np.empty([self._side, self._side, 3], np.uint8)
        images = []
        for angle in angles:
            data.mocap_quat[0] = np.cos(angle / 2), 0, 0, np.sin(angle / 2)
            mujoco.mj_forward(model, data)
            mujoco.mjv_updateScene(
                model,
                data,
                options,
                None,
                self._camera,
                mujoco.mjtCatBit.mjCAT_ALL.value,
                scene,
            )
            mujoco.mjr_render(window, scene, context)
            mujoco.mjr_readPixels(pixels, None, window, context)
            images.append(_shrink(pixels))
        context.free()
        return np.stack(images)

    def _compile(self, vertices, triangles, parts):
        mujoco = self._mujoco
        spec = mujoco.MjSpec.from_string(_SCENE.format(side=self._side))
        body = spec.body("object")
        if len(triangles):
            mesh = spec.add_mesh(name="mesh")
            mesh.uservert = vertices.ravel()
            mesh.userface = triangles.ravel()
            # Surfaces that are not closed have no volume.
            mesh.inertia = mujoco.mjtMeshInertia.mjMESH_INERTIA_SHELL
            body.add_geom(
                type=mujoco.mjtGeom.mjGEOM_MESH,
                meshname="mesh",
                rgba=[1.0, 1.0, 1.0, 1.0],
            )
        for part in parts:
            body.add_geom(
                type=mujoco.mjtGeom(int(part[0])),
                size=part[1:4],
                pos=part[4:7],
                quat=part[7:11],
                rgba=[*part[11:12].repeat(3), 1.0],
            )
        return spec.compile()


def _shrink(pixels: np.ndarray) -> np.ndarray:
    """Makes an image of pixels `[side, side, 3]`, upside down and grey."""
    size = len(pixels) // _SUPERSAMPLING
    blocks = pixels[::-1, :, 0].reshape(
        [size, _SUPERSAMPLING, size, _SUPERSAMPLING]
    )
    return np.round(blocks.mean((1, 3), np.float32)).astype(np.uint8)


def send(stream: IO[bytes], **arrays: np.ndarray) -> None:
    """Writes named arrays to a pipe."""
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    content = buffer.getvalue()
    stream.write(len(content).to_bytes(8, "little"))
    stream.write(content)
    stream.flush()


def receive(stream: IO[bytes]) -> dict[str, np.ndarray]:
    """Reads what `send` wrote.

    Raises:
        EOFError: if the pipe ends before.
    """
    size = int.from_bytes(_read(stream, 8), "little")
    with np.load(
        io.BytesIO(_read(stream, size)), allow_pickle=False
    ) as archive:
        return {name: archive[name] for name in archive.files}


def _read(stream: IO[bytes], size: int) -> bytes:
    content = stream.read(size)
    if len(content) < size:
        raise EOFError
    return content


def _answer(
    error: Exception | None = None, **arrays: np.ndarray
) -> dict[str, np.ndarray]:
    text = "" if error is None else str(error) or type(error).__name__
    return {"message": np.array(text), **arrays}


def main() -> None:
    """Renders objects until the input ends."""
    # Standard output is for the answers: what libraries print goes to standard
    # error.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    # What MuJoCo and PyOpenGL raise is not documented and of many kinds.
    try:
        stage = _Stage(int(sys.argv[1]))
    except Exception as error:
        send(answers, **_answer(error))
        return
    send(answers, **_answer())
    while True:
        try:
            given = receive(sys.stdin.buffer)
        except EOFError:
            return
        try:
            answer = _answer(images=stage.render(**given))
        except Exception as error:
            answer = _answer(error)
        send(answers, **answer)


if __name__ == "__main__":
    main()
