"""The managed platform as seen from outside: releases, services, health, the maintenance switch, the machine.

Every function acts on the system or measures it, and raises PlatformError with words for the administrator.
"""
