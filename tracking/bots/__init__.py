"""Signs by which a program is told from a person; `tracking.steps.bots` asks for them in order of cost."""
