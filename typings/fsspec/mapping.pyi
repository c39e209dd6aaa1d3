from abc import ABCMeta
from collections.abc import MutableMapping

class FSMap(MutableMapping[str, bytes], metaclass=ABCMeta): ...
