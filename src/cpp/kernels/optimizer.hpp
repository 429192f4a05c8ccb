// The optimizers' arithmetic on one vector of parameters.
#pragma once
