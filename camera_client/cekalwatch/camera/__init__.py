"""The camera client: finds faces at the camera, and sends the best crops of each passage to the recognition server."""
